"""Sentences of twelve languages into which values are put, and numbers that look like something and are nothing. All written for this measurement."""

from __future__ import annotations

import random
import string
import uuid

NEUTRAL = (
    "Please write down {} for me.", "I think that it was {}, but do check.", "Here it is: {}", "They had noted {} on the form.", "Hier steht {} auf dem Blatt.",
    "Bitte {} eintragen und dann speichern.", "Es war {}, wenn ich mich recht erinnere.", "Voici ce que j'ai trouvé : {}.", "Il y avait {} dans le dossier.", "Aquí lo tiene: {}.",
    "En el papel ponía {} y nada más.", "Sul foglio c'era scritto {}.", "Ecco, {} è quello giusto.", "No papel estava {} e mais nada.", "Aqui vai: {}.", "Er stond {} op het papier.",
    "Ik heb {} genoteerd.", "Na kartce było {} i nic więcej.", "Proszę zapisać {}.", "Det stod {} på lappen.", "Lapulla luki {}.", "Kağıtta {} yazıyordu.", "На листке было {}, и всё.", "纸上写的是{}。",
    "紙に{}と書いてありました。", "कागज़ पर {} लिखा था।", "(see {})", "a, {}, b", "“{}”", "Name: Eve\nValue: {}\nDone",
)  # fmt: skip
CALLING = {
    "US": ("You can call me at {} after six.", "Phone: {}"), "GB": ("Please ring {} tomorrow.", "Tel: {}"), "AU": ("My mobile is {}.", "Call {}"), "DE": ("Sie erreichen mich telefonisch unter {}.", "Tel. {}"),
    "AT": ("Meine Handynummer ist {}.", "Telefon: {}"), "CH": ("Rufen Sie {} an.", "Tel. {}"), "FR": ("Appelez-moi au {} demain.", "Tél. : {}"), "ES": ("Llámame al {} por la tarde.", "Teléfono: {}"),
    "IT": ("Il mio cellulare è {}.", "Tel. {}"), "PT": ("O meu telemóvel é {}.", "Telefone: {}"), "BR": ("Meu celular é {}.", "Ligue para {}"), "NL": ("Mijn telefoonnummer is {}.", "Bel {}"),
    "PL": ("Mój telefon to {}.", "Proszę dzwonić: {}"), "SE": ("Ring {} så svarar jag.", "Mobil: {}"), "FI": ("Puhelinnumeroni on {}.", "Puh. {} (puhelin)"), "TR": ("Telefon numaram {}.", "Cep: {}"),
    "RU": ("Мой телефон {}.", "Тел. {}"), "IN": ("मेरा मोबाइल नंबर {} है।", "Mobile: {}"), "CN": ("我的手机是{}。", "电话：{}"), "JP": ("電話は{}です。", "携帯：{}"), "DK": ("Min mobil er {}.", "Tlf. {} (telefon)"),
    "NO": ("Min mobil er {}.", "Telefon {}"),
}  # fmt: skip
WORDED = {
    "de_tax_id": ("Meine Steuer-ID ist {}.", "IdNr.: {}", "Steueridentifikationsnummer {}"), "es_dni": ("Mi DNI es {}.", "NIE: {}"), "pl_pesel": ("Mój PESEL to {}.", "PESEL: {}"),
    "se_personnummer": ("Mitt personnummer är {}.", "pnr {}"), "dk_cpr": ("Mit CPR-nummer er {}.", "CPR: {}"), "is_kennitala": ("Kennitala mín er {}.",),
    "nl_bsn": ("Mijn BSN is {}.", "Burgerservicenummer: {}"), "pt_nif": ("O meu NIF é {}.", "Contribuinte n.º {}"), "gb_nhs": ("My NHS number is {}.", "NHS no: {}"),
    "gb_nino": ("My National Insurance number is {}.", "NI number {}"), "ie_pps": ("My PPS number is {}.", "PPSN: {}"), "at_svnr": ("Meine Sozialversicherungsnummer lautet {}.", "SV-Nr. {}"),
    "cz_sk_birth_number": ("Moje rodné číslo je {}.",), "ro_cnp": ("CNP-ul meu este {}.", "CNP: {}"), "bg_egn": ("Моят ЕГН е {}.",), "hr_oib": ("Moj OIB je {}.", "OIB: {}"),
    "ee_isikukood": ("Minu isikukood on {}.",), "lt_asmens_kodas": ("Mano asmens kodas yra {}.",), "lv_personas_kods": ("Mans personas kods ir {}.",), "gr_amka": ("Ο ΑΜΚΑ μου είναι {}.",),
    "hu_taj": ("A TAJ számom {}.", "TAJ: {}"), "jmbg": ("Moj JMBG je {}.", "EMŠO: {}"), "tr_kimlik": ("TC kimlik numaram {}.", "TCKN: {}"), "ua_rnokpp": ("Мій РНОКПП {}.", "ІПН: {}"),
    "ru_snils": ("Мой СНИЛС {}.",), "ru_inn": ("Мой ИНН {}.",), "us_ssn": ("My SSN is {}.", "Social security number: {}"), "ca_sin": ("My SIN is {}.", "Mon numéro d'assurance sociale est {}."),
    "br_cpf": ("Meu CPF é {}.", "CPF: {}"), "br_cnpj": ("O CNPJ da loja é {}.",), "ar_cuit": ("Mi CUIT es {}.", "CUIL {}"), "cl_rut": ("Mi RUT es {}.",), "ec_cedula": ("Mi cédula es {}.",),
    "in_aadhaar": ("My Aadhaar number is {}.", "मेरा आधार नंबर {} है।"), "in_pan": ("My PAN is {}.", "PAN: {}"), "tw_id": ("我的身分證字號是{}。",), "hk_hkid": ("My HKID is {}.",),
    "jp_my_number": ("マイナンバーは{}です。", "個人番号：{}"), "kr_rrn": ("주민등록번호는 {}입니다.",), "th_id": ("เลขบัตรประชาชน {}",), "il_teudat_zehut": ("מספר תעודת זהות {}",), "sa_id": ("رقم الهوية {}",),
    "za_id": ("My ID number is {}.",), "au_tfn": ("My TFN is {}.", "Tax file number: {}"), "au_medicare": ("My Medicare number is {}.",), "nz_ird": ("My IRD number is {}.",),
    "ae_emirates_id": ("My Emirates ID is {}.",), "no_fodselsnummer": ("Mitt fødselsnummer er {}.",), "ch_ahv": ("Meine AHV-Nummer ist {}.",), "cn_resident_id": ("我的身份证号码是{}。",),
}  # fmt: skip
SETTING = (
    "password = '{}'",
    "my password is {}",
    "Das Passwort lautet {}",
    "mot de passe : {}",
    "contraseña: {}",
    "senha: {}",
    "wachtwoord: {}",
    "hasło: {}",
    "пароль: {}",
    "密码：{}",
    "DB_PASSWORD={}",
)
CLEAN = (
    "How do I change the address on my account?", "Wie lange dauert eine Überweisung ins Ausland?", "Pourquoi mon paiement a-t-il été refusé ?", "¿Por qué no puedo entrar en mi cuenta?",
    "Perché il mio pagamento è stato rifiutato?", "Quando é que o meu cartão chega?", "Waarom is mijn betaling geweigerd?", "Dlaczego moja płatność została odrzucona?", "Varför nekades min betalning?",
    "Miksi maksuni hylättiin?", "Ödemem neden reddedildi?", "Почему мой платёж отклонён?", "我的付款为什么被拒绝？", "なぜ支払いが拒否されましたか。", "मेरा भुगतान क्यों अस्वीकार हुआ?",
    "Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day, 9 * 2 = $18.", "The password must have at least twelve characters, one of them a digit.", "What is an IBAN, and where do I find mine?",
    "def area(r):\n    return 3.14159265 * r ** 2", "Use token = tokenizer.encode(text) and pass it on.", "Contact us through the app; the phone line is closed at night.",
)  # fmt: skip
TRICKY = (
    "order {9}", "Order no. {10}", "order {4} {4} {4}", "Bestellnummer {8}", "commande n° {11}", "pedido {12}", "invoice {6}-{4}", "Rechnung {4}-{6}", "tracking number {14}", "parcel {16}", "ticket #{7}",
    "part {3}-{3}-{3}", "article {3}.{3}.{3}", "customer number {9}", "Kundennummer {10}", "numéro de client {9}", "número de cliente {9}", "klantnummer {9}", "it took {8} ms", "{9} rows", "id={10}",
    "{3} {3} {3} people", "serial {2}-{8}-{1}", "batch {4}/{6}", "meter reading {6}.{3}", "flight LH{4} at {2}:{2}", "{1}.{2}.{1}.{3} is the version", "version {2}.{1}.{2}.{1}", "${3},{3}.{2}", "€ {3}.{3},{2}",
    "{3} {3} {3} €", "0.{12}", "{5}.{8}", "0x{8}", "{13}", "epoch {10}", "row {6} of {8}", "ratio {4}:{4}", "score {2}-{2}", "{4} x {4} pixels", "page {3}-{3}", "population {2},{3},{3}",
)  # fmt: skip


def tricky(rng: random.Random) -> str:
    """A sentence with numbers that are nothing: orders, versions, prices, dates, books, keys of no door."""
    choice = rng.randrange(8)
    if choice < 4:
        form = rng.choice(TRICKY)
        for n in range(16, 0, -1):
            while f"{{{n}}}" in form:
                form = form.replace(f"{{{n}}}", rng.choice("123456789") + "".join(rng.choices(string.digits, k=n - 1)), 1)
        return form
    year, month, day = rng.randint(1990, 2030), rng.randint(1, 12), rng.randint(1, 28)
    dates = (
        f"on {year}-{month:02}-{day:02} {rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}", f"am {day:02}.{month:02}.{year}", f"le {day:02}/{month:02}/{year}",
        f"{year}{month:02}{day:02}", f"from {day:02}.{month:02}.{year} to {day:02}.{month:02}.{year + 1}", f"{year}-{month:02}-{day:02}T{rng.randrange(24):02}:00:00.000Z",
    )  # fmt: skip
    books = (
        f"ISBN 978-{rng.randrange(10)}-{rng.randrange(100):02}-{rng.randrange(10**6):06}-{rng.randrange(10)}",
        f"EAN {rng.randrange(4 * 10**12, 5 * 10**12)}",
    )
    hexes = (
        str(uuid.UUID(int=rng.getrandbits(128))),
        f"{rng.getrandbits(160):040x}",
        f"commit {rng.getrandbits(28):07x}",
        f"sha256:{rng.getrandbits(256):064x}",
    )
    places = (
        f"{rng.uniform(-90, 90):.6f}, {rng.uniform(-180, 180):.6f}",
        f"{rng.uniform(0, 10**6):.2f} + {rng.uniform(0, 10**6):.4f}",
        f"1e-{rng.randrange(9)}",
        f"{rng.getrandbits(53)}n",
    )
    return f"it was {rng.choice((dates, books, hexes, places)[choice - 4])} there"
