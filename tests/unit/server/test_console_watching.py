from __future__ import annotations
import pytest
from tests.unit.server.looking import *
def test_smoke(server):
    keys = seen(server.office, server.folder)
    c = server.program("owner")
    for p in ["/watch","/systems/Loan%20approval/watch","/systems/Loan%20approval/watch/set","/systems/Loan%20approval/watch/line?measure=drift.location&about=feature%20income","/alerts","/alerts/ratio","/alerts/found","/incidents","/incidents/incident-ratio","/","/inbox","/systems/Loan%20approval","/releases/"+keys["release"],"/watch?as=csv","/systems/Loan%20approval/watch?as=csv","/systems/Loan%20approval/watch?as=json","/systems/Loan%20approval/watch/look"]:
        import time
        t=time.time()
        a=c.get(p)
        print(p,a.status_code,len(a.text),round(time.time()-t,2))
        Path=__import__("pathlib").Path
        import re
        if a.status_code!=200: print(re.sub("<[^>]+>"," ",a.text)[-700:])
        assert a.status_code==200
