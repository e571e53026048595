"""How often is an English row called foreign, and how often is a foreign sentence missed?

    python -m bench.language [--data FOLDER] [--rows 20000]

False alarms are counted on BANKING77, GSM8K, the bank's part of CLINC150 and the Python FAQ as they lie in this repository; with --data on the whole
of them (folders `banking77`, `clinc150`, `gsm8k` as their authors publish them). Misses are counted on sentences of 24 languages written for this,
each put alone among English rows. Prints shares with 95 % intervals (Wilson) and rows a second on rows of 300 characters.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.personal import rate
from bench.readers import table
from tunesmith.data.examine.tongue import language_of, near_to, row_language
from tunesmith.data.examine.view import View

ROOT = Path(__file__).parents[1]
SENTENCES = {
    "de": ("Ich habe gestern eine Überweisung gemacht, die noch nicht angekommen ist.", "Könnten Sie mir bitte erklären, wie ich meinen PIN-Code ändern kann?", "Meine neue Karte funktioniert im Ausland leider überhaupt nicht.", "Warum wurde mir heute eine zusätzliche Gebühr berechnet?"),
    "fr": ("J'ai fait un virement hier et il n'est toujours pas arrivé.", "Pourriez-vous m'expliquer comment changer mon code secret ?", "Ma nouvelle carte ne fonctionne malheureusement pas à l'étranger.", "Pourquoi m'a-t-on facturé des frais supplémentaires aujourd'hui ?"),
    "es": ("Ayer hice una transferencia que todavía no ha llegado.", "¿Podría explicarme cómo puedo cambiar mi código secreto?", "Mi nueva tarjeta no funciona en absoluto en el extranjero.", "¿Por qué me han cobrado hoy una comisión adicional?"),
    "it": ("Ieri ho fatto un bonifico che non è ancora arrivato.", "Potrebbe spiegarmi come faccio a cambiare il mio codice?", "La mia nuova carta purtroppo non funziona affatto all'estero.", "Perché oggi mi è stata addebitata una commissione in più?"),
    "pt": ("Fiz ontem uma transferência que ainda não chegou ao destino.", "Pode explicar-me como é que posso mudar o meu código secreto?", "O meu cartão novo infelizmente não funciona no estrangeiro.", "Por que razão me cobraram hoje uma taxa adicional?"),
    "nl": ("Ik heb gisteren geld overgemaakt dat nog niet is aangekomen.", "Kunt u mij uitleggen hoe ik mijn pincode kan veranderen?", "Mijn nieuwe kaart werkt helaas helemaal niet in het buitenland.", "Waarom zijn er vandaag extra kosten in rekening gebracht?"),
    "pl": ("Wczoraj zrobiłem przelew, który jeszcze nie dotarł do odbiorcy.", "Czy może mi pan wyjaśnić, jak zmienić mój kod PIN do karty?", "Moja nowa karta niestety w ogóle nie działa za granicą.", "Dlaczego dzisiaj pobrano ode mnie dodatkową opłatę?"),
    "sv": ("Jag gjorde en överföring i går som inte har kommit fram än.", "Kan du förklara för mig hur jag byter min personliga kod?", "Mitt nya kort fungerar tyvärr inte alls utomlands.", "Varför har jag fått betala en extra avgift i dag?"),
    "da": ("Jeg lavede en overførsel i går, som endnu ikke er kommet frem.", "Kan du forklare mig, hvordan jeg ændrer min personlige kode?", "Mit nye kort virker desværre slet ikke i udlandet.", "Hvorfor er jeg blevet opkrævet et ekstra gebyr i dag?"),
    "fi": ("Tein eilen tilisiirron, joka ei ole vieläkään tullut perille.", "Voisitko selittää minulle, miten voin vaihtaa tunnuslukuni?", "Uusi korttini ei valitettavasti toimi ulkomailla lainkaan.", "Miksi minulta veloitettiin tänään ylimääräinen maksu?"),
    "cs": ("Včera jsem poslal platbu, která ještě nedorazila k příjemci.", "Mohli byste mi vysvětlit, jak si mohu změnit svůj kód?", "Moje nová karta v zahraničí bohužel vůbec nefunguje.", "Proč mi byl dnes účtován další poplatek za výběr?"),
    "hu": ("Tegnap indítottam egy átutalást, amely még nem érkezett meg.", "El tudná magyarázni, hogyan tudom megváltoztatni a kódomat?", "Az új kártyám sajnos egyáltalán nem működik külföldön.", "Miért számoltak fel ma nekem egy további díjat?"),
    "ro": ("Am făcut ieri un transfer care încă nu a ajuns la destinatar.", "Îmi puteți explica cum pot să îmi schimb codul secret?", "Cardul meu nou din păcate nu funcționează deloc în străinătate.", "De ce mi s-a perceput astăzi un comision suplimentar?"),
    "tr": ("Dün yaptığım havale hâlâ alıcının hesabına ulaşmadı.", "Bana şifremi nasıl değiştirebileceğimi açıklar mısınız?", "Yeni kartım maalesef yurt dışında hiç çalışmıyor.", "Bugün benden neden ek bir ücret alındığını anlamıyorum."),
    "id": ("Kemarin saya mengirim uang yang sampai sekarang belum diterima.", "Bisakah Anda menjelaskan bagaimana cara mengganti kode saya?", "Kartu baru saya sayangnya tidak bisa dipakai di luar negeri.", "Mengapa hari ini saya dikenakan biaya tambahan lagi?"),
    "vi": ("Hôm qua tôi đã chuyển tiền nhưng đến giờ vẫn chưa nhận được.", "Bạn có thể giải thích cho tôi cách đổi mã số của thẻ không?", "Thẻ mới của tôi rất tiếc là không dùng được ở nước ngoài.", "Tại sao hôm nay tôi lại bị tính thêm một khoản phí?"),
    "ru": ("Вчера я отправил перевод, который до сих пор не дошёл.", "Не могли бы вы объяснить, как мне сменить свой код?", "Моя новая карта, к сожалению, совсем не работает за границей.", "Почему с меня сегодня взяли дополнительную комиссию?"),
    "uk": ("Учора я надіслав переказ, який досі не надійшов отримувачу.", "Чи не могли б ви пояснити, як мені змінити свій код?", "Моя нова картка, на жаль, зовсім не працює за кордоном.", "Чому з мене сьогодні стягнули додаткову комісію?"),
    "el": ("Χθες έκανα μια μεταφορά που δεν έχει φτάσει ακόμα.", "Μπορείτε να μου εξηγήσετε πώς αλλάζω τον κωδικό μου;", "Η νέα μου κάρτα δυστυχώς δεν λειτουργεί στο εξωτερικό.", "Γιατί χρεώθηκα σήμερα με επιπλέον προμήθεια;"),
    "ar": ("قمت بتحويل أموال أمس ولم تصل حتى الآن إلى المستلم.", "هل يمكنك أن تشرح لي كيف أغير الرمز السري الخاص بي؟", "بطاقتي الجديدة للأسف لا تعمل إطلاقا خارج البلاد.", "لماذا تم خصم رسوم إضافية مني اليوم دون إشعار؟"),
    "hi": ("मैंने कल पैसे भेजे थे जो अभी तक नहीं पहुँचे हैं।", "क्या आप मुझे बता सकते हैं कि मैं अपना कोड कैसे बदलूँ?", "मेरा नया कार्ड विदेश में बिल्कुल काम नहीं कर रहा है।", "आज मुझसे अतिरिक्त शुल्क क्यों लिया गया है?"),
    "ja": ("昨日送金をしましたが、まだ相手に届いていません。どうしてこんなに時間がかかるのでしょうか。", "暗証番号を変更する方法を教えていただけますか。窓口に行かなければならないのでしょうか。", "新しいカードが海外でまったく使えなくて困っています。何か設定が必要なのでしょうか。"),
    "zh": ("我昨天转了一笔账，到现在还没有到账，请问为什么需要这么长的时间，能不能帮我查一下到底在哪里？", "您能告诉我怎样修改我的银行卡密码吗？是不是必须本人带着身份证到柜台去办理才可以？"),
    "ko": ("어제 송금을 했는데 아직도 상대방 계좌에 도착하지 않았습니다. 왜 이렇게 오래 걸리나요?", "제 비밀번호를 어떻게 변경하는지 설명해 주실 수 있나요? 지점에 꼭 방문해야 하나요?"),
}  # fmt: skip


def english(data: Path | None) -> Iterator[tuple[str, list[View]]]:
    """(name of a data set, its rows); all of them are English."""
    banking = (
        [data / "banking77/train.csv", data / "banking77/test.csv"]
        if data
        else [ROOT / "bench/data/banking77-train.csv", ROOT / "bench/data/banking77-test.csv"]
    )
    yield "BANKING77", [labelled(row["text"], row["category"]) for path in banking for row in table(path)]
    if data:
        full = json.loads((data / "clinc150/data_full.json").read_text(encoding="utf-8"))
        yield "CLINC150", [labelled(text, label) for rows in full.values() for text, label in rows]
        maths = [json.loads(line) for name in ("train", "test") for line in (data / f"gsm8k/{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    else:
        yield "CLINC150 (bank)", [labelled(row["text"], row["intent"]) for row in table(ROOT / "examples/router/bank.csv")]
        maths = [json.loads(line) for line in (ROOT / "bench/data/gsm8k.jsonl").read_text(encoding="utf-8").splitlines()]
    yield "GSM8K", [View(row["question"], row["answer"], "", "", None, False) for row in maths]
    yield "Python FAQ", [View(row["question"], row["answer"], "", "", None, False) for row in table(ROOT / "examples/faq/faq.csv")]


def labelled(text: str, label: str) -> View:
    """A row whose answer is a label."""
    return View(text, label, "", "", label, True)


def is_foreign(code: str | None) -> bool:
    """True if a row of this language stands out among English ones."""
    return code is not None and code not in near_to("en")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the whole data sets")
    parser.add_argument("--rows", type=int, default=20_000, help="rows for the speed")
    options = parser.parse_args()
    for name, views in english(options.data):
        start = time.perf_counter()
        codes = [row_language(view) for view in views]
        took = time.perf_counter() - start
        foreign = [(view, code) for view, code in zip(views, codes, strict=True) if is_foreign(code)]
        told = sum(code is not None for code in codes)
        print(
            f"{name:16} {len(views):6,} rows: {rate(len(foreign), len(views))} called foreign, {100 * told / len(views):.0f} % certain; {1e6 * took / len(views):.1f} µs a row"
        )
        for view, code in foreign[:8]:
            print(f"    {code}: {(view.question + ' → ' + view.answer)[:150]!r}")
    planted = [(code, text) for code, texts in SENTENCES.items() for text in texts]
    found = [(code, text, language_of(text)) for code, text in planted]
    print(f"{len(planted)} sentences of {len(SENTENCES)} languages: {rate(sum(is_foreign(got) for _, _, got in found), len(found))} called foreign, "
          f"{rate(sum(got is not None and got in near_to(code) for code, _, got in found), len(found))} by their right name")  # fmt: skip
    for code, text, got in found:
        if not is_foreign(got) or got not in near_to(code):
            print(f"    {code} → {got}: {text}")
    speed(options.rows)


def speed(rows: int) -> None:
    """Microseconds a row of 300 characters, by what is in it."""
    forms = {"English": "I ordered a card last week and it is still not here, so where is it now and when will it come? " * 4, "German": " ".join(SENTENCES["de"]) + " " + SENTENCES["de"][0], "Russian": " ".join(SENTENCES["ru"]) + " " + SENTENCES["ru"][0], "names": "Sony PlayStation Slim Digital Edition, Apple AirPods Pro, Samsung Galaxy Ultra, Bosch Serie; " * 4}  # fmt: skip
    for name, text in forms.items():
        start = time.perf_counter()
        for _ in range(rows):
            language_of(text[:300])
        took = time.perf_counter() - start
        print(f"{name:10} {rows / took:10,.0f} rows/s   {1e6 * took / rows:6.1f} µs a row, {Counter([language_of(text[:300])]).most_common(1)[0][0]}")


if __name__ == "__main__":
    main()
