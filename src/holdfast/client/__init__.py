"""The control plane from Python:

    with holdfast.Client("https://holdfast.example", token) as client:
        for kept in client.every(client.list_systems, state="high"):
            print(kept.record.name)

One method for each operation of the API, under the same name, with the same records; errors are `HoldfastError`s.
"""

from holdfast.client.administration import Administration
from holdfast.client.decisions import Decisions
from holdfast.client.inventory import Inventory
from holdfast.client.reviews import Reviews
from holdfast.client.serving import Serving
from holdfast.client.watching import Watching


class Client(Inventory, Decisions, Serving, Reviews, Watching, Administration):
    """A control plane at `url`, as the person to whom `token` belongs. A context manager, or `close` it.

    Every request that changes something carries a key of its own and is sent again where no answer came, so it is
    done once. Unavailable where the control plane cannot be reached.
    """


__all__ = ["Client"]
