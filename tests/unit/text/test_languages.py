"""Languages are told of whole sentences; what is no prose is told of none."""

from __future__ import annotations

import pytest

from holdfast.text.languages import UNKNOWN, language_of, languages, words_of

SENTENCES = {
    "en": "Could you tell me why the refund for my order has not arrived yet?",
    "de": "Können Sie mir bitte sagen, warum die Rückzahlung noch nicht angekommen ist?",
    "fr": "Pourquoi est-ce que le remboursement de ma commande n'est pas encore arrivé ?",
    "es": "¿Por qué todavía no ha llegado el reembolso de mi pedido?",
    "pt": "Por que o reembolso do meu pedido ainda não chegou?",
    "it": "Perché il rimborso del mio ordine non è ancora arrivato?",
    "nl": "Waarom is de terugbetaling van mijn bestelling nog niet aangekomen?",
    "sv": "Varför har återbetalningen för min beställning inte kommit än?",
    "pl": "Dlaczego zwrot pieniędzy za moje zamówienie jeszcze nie przyszedł?",
    "tr": "Siparişimin iadesi neden hâlâ gelmedi, bana söyler misiniz lütfen?",
    "vi": "Tại sao tôi vẫn chưa nhận được tiền hoàn lại cho đơn hàng của tôi?",
    "id": "Mengapa pengembalian dana untuk pesanan saya belum juga datang?",
    "ru": "Почему деньги за мой заказ до сих пор не вернули?",
    "uk": "Чому гроші за моє замовлення ще не повернули?",
    "el": "Γιατί δεν έχει φτάσει ακόμα η επιστροφή χρημάτων;",
    "ar": "لماذا لم تصل المبالغ المستردة حتى الآن؟",
    "fa": "چرا پول سفارش من هنوز برگشت داده نشده است؟",
    "hi": "मेरे ऑर्डर का पैसा अभी तक वापस क्यों नहीं आया है?",
    "ja": "注文の返金がまだ届いていないのはなぜですか。",
    "zh": "为什么我的订单退款还没有到账？",
    "ko": "왜 제 주문의 환불이 아직 도착하지 않았나요?",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_in_its_language(language):
    assert language_of(SENTENCES[language]) == language
    assert language in languages()


@pytest.mark.parametrize("text", ["", "   ", "1234 5678", "4f1c-99a0", "Xq Zrt Klm", "\x00\ud800", "🙂🙂", "a" * 9_999])
def test_what_is_no_prose_is_in_none(text):
    assert language_of(text) == UNKNOWN


def test_parts_of_identifiers_are_no_words():
    assert words_of("Order 3f2a of x_1, don't") == ["order", "of", "don't"]
