"""A language → the small words that stand in nearly every sentence of it; of the languages in Latin, Cyrillic, Arabic and Devanagari letters that most data are in."""

from __future__ import annotations

WORDS = {
    "en": "the of and to in is that it for was on are with as i his they be at one have this from or had by but what some we can out other were all there when up your how said an each she which do their if will way about many then them would like so these her make him has more could go no my than been who its now did get may i'm don't it's you me please not any does should am just why where need want can't a",
    "de": "der die das und ist in zu den nicht von sie es mit sich auf für dem ein eine auch als an nach wie im noch bei aus wenn nur war werden wird kann oder ich sind aber einen einer hat haben mein meine mir mich wir ihr ihre zum zur über um du dass bitte wurde durch einem eines kein keine vom man habe was wo warum dann mehr sehr schon sein seine diese dieser dieses",
    "fr": "le la les de des du un une et est en que qui dans pour pas sur il elle je ne ce cette avec plus se sont par au aux ou mais nous vous ils son sa ses comme tout on mon ma mes votre vos notre leur être avoir fait peut puis comment pourquoi c'est j'ai n'est d'un d'une qu'il très bien y si quand où même aussi sans été",
    "es": "el la los las de del y en que un una es por con para no se su al lo como más pero sus le ya o este sí porque esta entre cuando muy sin sobre también me hasta hay donde mi mis qué cómo puedo está son ha fue ser he tengo tiene todo desde nos durante uno ni eso ante ellos e esto yo te si usted han",
    "it": "il lo la i gli le di del della dei delle e è che un una in per non con sono mi ho ha si come più ma anche questo questa da dal dalla nel nella al alla ai alle su sul sulla mio mia se cosa perché quando dove posso era essere stato molto o ci suo sua loro tutti tutto già c'è dell'anno degli ed",
    "pt": "o a os as de do da dos das e em no na que um uma é por com para não se como mais mas foi ao ele ela são seu sua ou ser quando muito há nos já está eu também só pelo pela até isso entre era depois sem mesmo aos meu minha meus você me posso tem nas às este esta foram num à qual nós",
    "nl": "de het een en van ik te dat die in is niet zijn op aan met als voor er maar om hem dan zou of wat mijn men dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft hebben deze u want nog zal me zij nu geen iets worden kan kunnen wordt hij we wel waar waarom moet jullie onze was werd",
    "pl": "i w na z się nie do to że jest o jak po co tak za od ale czy dla przez przy są był była było może już tylko jego jej ich mnie mi mam moja mój moje te ten ta tego tej tym które który która oraz ze by być gdy lub pod przed także bardzo gdzie kiedy dlaczego proszę mogę można u we bez jako został",
    "sv": "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när min mitt mina hur eller du ska skulle hade vad där man efter vid nu också mig här hon dem alla kommer finns upp ut varför dig detta denna dessa blev mycket någon något sin sitt",
    "da": "og i at det er en til på for med af de den ikke der som har et jeg han var men om sig fra vi så kan når min mit mine hvordan eller du skal skulle havde hvad hvor man efter ved nu også mig her hun dem alle kommer op ud hvorfor dig dette denne disse blev meget noget nogen sin blive være",
    "no": "og i at det er en til på for med av de den ikke som har et jeg han var men om seg fra vi så kan når min mitt mine hvordan eller du skal skulle hadde hva hvor man etter ved nå også meg her hun dem alle kommer opp ut hvorfor deg dette denne disse ble mye noe noen sin bli være",
    "fi": "ja on ei että se hän oli ovat joka mutta myös kun niin jos tai kuin mitä minä sinä minun sen ole olla voi miten miksi missä kanssa hänen tämä tämän nyt vain jo sekä mikä ne he me te en et jotka siitä ollut olen olet voin voinko vielä sitten siis kuitenkin noin vuonna jossa joita hyvin olisi eivät mukaan",
    "cs": "a se v na je to že s z do o i ve by ale jako za jsem jsou po k pro si který která které tak od jeho při jen už co když není byl byla bylo mám můj moje může nebo jak kde proč aby ještě však také být jsme mi mě ze pod jsi tím více bude byly než před této tohoto",
    "sk": "a sa v na je to že s z do o i vo by ale ako za som sú po k pre si ktorý ktorá ktoré tak od jeho pri len už čo keď nie bol bola bolo mám môj moje môže alebo kde prečo aby ešte však tiež byť sme mi ma zo pod tým viac bude boli než pred tejto tohto",
    "hu": "a az és hogy nem is egy de meg ez van csak ha volt már még mint el azt vagy lehet ezt kell mert most minden úgy itt ki mi én te fel be le nagyon hogyan miért hol mikor ami amely aki nincs lesz vannak után alatt szerint között által majd illetve pedig tud ne sem olyan ott ilyen",
    "ro": "și de la în a cu nu pe că este o un din pentru mai care sunt dar ce se al au ale ca fi sau cum am ai lui prin până când unde foarte fost după ei el ea îmi mi meu mea această acest acestea poate pot lor fără doar dacă lor unei unui într peste le i s",
    "tr": "bir ve bu için da de ile ne çok daha var mi mı gibi ama o ben sen biz siz en kadar olarak olan değil nasıl neden her şey mu mü sonra ki ya yok bana beni benim kendi olduğu oldu eden veya hem hiç diye ise göre kez önce şu bunu bunun onun tarafından olduğunu lütfen nerede",
    "id": "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena tersebut bisa ada mereka lebih kata telah sudah atau anda saat oleh menjadi orang kami kita adalah bagaimana apa apakah jika dapat belum hanya dia seperti tetapi sebagai bahwa para kepada masih harus secara tentang lagi agar",
    "vi": "và của là có không được cho một trong các với những tôi này đã người khi để ở từ cũng như bạn đến về ra thì vào nhưng còn hay nhiều phải làm gì sẽ rằng nếu lại nào bị theo đó tại sao vì thế rất mà anh chị em hơn trên năm",
    "ca": "el la els les de del i en que un una és per amb no es se al als més com però o seva seu són ha aquest aquesta també entre sobre quan molt sense hi va fins on em meu meva què puc està ser he té tot des ens ni això jo si vostè han dels pel",
    "hr": "i u je na se da su za od s o a koji koja koje to kao ne bi iz ali ili sam što po kako nije samo ja još kad biti može moj moja moje gdje zašto ako te mi on ona oni bio bila bilo sve već do pri nakon prije nego ovaj ova ovo taj ta kod imam ima će",
    "sl": "in je v na se da so za od z s o a ki pa to kot ne bi iz ali sem kaj po kako ni samo jaz še ko biti lahko moj moja moje kje zakaj če te mi on ona bil bila bilo vse že do pri pred kot ta ti tega imam ima bo smo zelo tudi več med",
    "et": "ja on ei et see oli ta kui ning oma aga ka mis või siis mida kes minu ma sa me te nad seda selle veel välja juba nii kuidas miks kus millal olen oled olid pole saab saan ainult väga ole võib tema nende pärast kõik mitte kuid üle eest kas ühe need sest",
    "lv": "un ir ka no par ar uz es tas tā viņš viņa bet kas kā vai nav lai kad pie pēc arī tikai var mans mana mani jau vēl tad jo bija būs esmu kur kāpēc šis šī to tiek pa ko viņi mēs jūs līdz ļoti ja gan tiem tās tika",
    "lt": "ir yra kad iš su ne tai į bet kaip tik jis ji mano man jau dar buvo bus aš esu kur kodėl ar kas po prie nuo per už apie šis ši labai gali arba jei jie mes jūs to tą nėra būti dėl iki tas ta kai pat taip savo kuris kuri kurie",
    "sw": "na ya wa kwa ni katika la za cha hii hiyo yake kuwa ambayo ambao lakini kama mimi wewe yeye sisi wao sana tu pia hata baada kabla ili au nini jinsi vipi kwamba bila wakati watu ndani juu sasa hapa huyo mtu yangu yako wangu si ndiyo hapana",
    "tl": "ang ng sa na mga at ay ako ka siya ko mo niya ito iyon hindi may kung para ni si kami tayo sila nila namin natin po ba lang din rin paano bakit saan kailan pero dahil kasi ating aking iyong isang wala mayroon kaya naman nang pa",
    "sq": "dhe në të e i për me një që nuk është ka nga si se do më por ai ajo janë kjo ky unë ti ne ju ata tek kur ku pse çfarë shumë edhe vetëm mund u prej deri pas para kam keni kemi kishte ishte duke",
    "gl": "o a os as de do da dos das e en no na que un unha é por con para non se como máis pero foi ao el ela son seu súa ou ser cando moi hai nos xa está eu tamén só pola polo ata isto entre era despois sen mesmo aos meu miña meus miñas vostede eles estas este esta isto ese esa foron ten nin onde porque pode poden debe",
    "eu": "eta da du ez bat ere dira hau hori dute izan zen baina edo egin dela den zuen bere dago ditu beste egiten behar baino hala zer nola non noiz zein bai ni zu gu nire zure gure zaio naiz dut nahi daiteke dezake ezin oso baita arte ondoren gabe guztiak bezala izango litzateke zaizu artean",
    "is": "og að í er ekki á það sem til um við með af hann en var fyrir ég hún þú þetta þessi þess eru hafa hefur eða frá upp nú þegar hvað hvernig hvar hvers mér mig minn mitt þitt þeir þær þau ef svo verið getur má vera skal allt allir engin ekkert úr eftir undir",
    "ga": "agus an na ar is ní go le sa do de i é sí sé tá bhí nach leis seo sin ag chun mar faoi mo ach gach níl as ó nó bheith féidir ann air aon ba má cad conas cén cá cathain tú mé muid siad iad chuig gan idir roimh tar éis bhfuil raibh",
    "cy": "y yr yn a i o ar mae ei gan am er oedd ac wedi ond eu hyn bod fel hwn hon nid mewn fod sydd eich fy ni chi ti mi fe hi nhw beth sut pam ble pryd os neu gyda trwy wrth dros hynny ddim iawn cael gallu rwy yw dim bydd wneud hefyd cyn",
    "af": "die en van in is nie het te om dat vir op met wat aan as ek jy hy sy ons julle hulle my jou sy haar maar ook was word kan sal moet daar hier hoe waar waarom wanneer baie nog net so deur oor by uit tot of 'n hierdie daardie dit se wees gaan alle geen",
    "ru": "и в не на я что он с как это но а по она к у из за мы вы они же от так его только мне было бы то ты меня если уже или ещё еще до вас нас когда где почему можно нужно есть был была для при очень мой моя мои мне чтобы их ли какой который которая которые этот эта эти быть все сейчас пожалуйста со об о во",
    "uk": "і в не на я що він з як це але а по вона до у із за ми ви вони ж від так його тільки мені було б ти мене якщо вже або ще й та вас нас коли де чому можна треба є був була для при дуже мій моя мої щоб їх чи який яка які цей ця ці бути все зараз будь ласка про під через",
    "be": "і ў не на я што ён з як гэта але а па яна да у за мы вы яны ж ад так яго толькі мне было б ты мяне калі ужо ўжо або яшчэ ды вас нас дзе чаму можна трэба ёсць быў была для пры вельмі мой мая каб іх ці які якая якія гэты гэтая быць усе цяпер",
    "bg": "и в не на аз че той с как това но а по тя до у от за ние вие те ли да се е са си му ми го ще би ти ме ако вече или още ни ви когато къде защо може трябва има беше бил за при много мой моя моята моите така които който която този тази тези бъде всички сега моля",
    "sr": "и у не на ја што он са као то али а по она до од за ми ви они ли да се је су си му ми га ће би ти ме ако већ или још нас вас када кад где зашто може треба има био била при веома мој моја моје који која које овај ова ово бити сви сада који сам",
    "mk": "и во не на јас што тој со како тоа но а по таа до од за ние вие тие ли да се е су си му ми го ќе би ти ме ако веќе или уште нè ве кога каде зошто може треба има беше бил при многу мојот мојата моите кој која кои овој оваа биде сите сега",
    "ar": "في من على إلى أن ما هذا هذه لا هو هي مع كيف كان عن التي الذي هل أو قد لم لي كل بعد أنا عند لماذا متى أين يمكن يمكنني يمكنك ذلك كما ثم حتى بين إذا لكن غير قبل منذ كانت به بها له لها عليه أي وهو وقد ولا نحن أنت",
    "fa": "و در به از که این را با است برای آن یک خود تا کرد بر هم نیز شد من ما شما او آنها چرا چگونه کجا چه هر اگر یا اما می‌شود نمی شده شود می کنم کنید کند دارد دارم بود باید همه هیچ بعد",
    "ur": "اور کے کی میں ہے کا سے کو نے پر یہ وہ کہ ہیں اس ایک تھا نہیں ہو بھی جو کر تو ہی اپنے گیا لیے آپ میرا میری مجھے کیا کیوں کیسے کہاں کب اگر لیکن تھی تھے رہا رہی کوئی بہت ہوں جا سکتا سکتی",
    "hi": "के का की में है और से को पर यह कि ने हैं एक नहीं भी हो था कर तो इस लिए जो वह मैं आप मेरा मेरी मेरे मुझे क्या क्यों कैसे कहाँ कब अगर लेकिन या थी थे रहा रही कोई बहुत हूँ सकता सकती साथ अपने कुछ गया वे",
    "mr": "आहे आणि या मध्ये हे की ते होते नाही एक होता केली केला आहेत पण माझा माझी माझे मला तुम्ही मी का कसे कुठे काय तर हा ही असे त्या यांनी येथे झाले करण्यात होती त्यांच्या साठी किंवा आपण करू शकतो शकते नका",
    "ne": "छ र को मा को लागि यो पनि हो भने गर्न एक छन् तर त्यो थियो मेरो म तपाईं के किन कसरी कहाँ जब यदि वा छैन गरेको भएको हुन्छ सक्छ सक्छु लाई बाट सँग हरू गर्ने भन्ने अहिले धेरै",
}
"""Sources: the most frequent words of each language, as any frequency list has them."""
LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _code, _words in WORDS.items():
    for _word in set(_words.split()):
        LANGUAGES_OF[_word] = (*LANGUAGES_OF.get(_word, ()), _code)
NEAR = (
    {"da", "no", "nn"}, {"cs", "sk"}, {"hr", "sr", "bs"}, {"mk", "bg"}, {"mk", "sr"}, {"id", "ms", "jv"}, {"es", "gl", "ext"}, {"pt", "gl"}, {"ca", "oc"}, {"nl", "af", "fy"},
    {"en", "pcm", "gcf", "gcr"}, {"it", "vec", "lij", "la", "co"}, {"fr", "wa", "oc", "ht", "gcr", "gcf"}, {"de", "lb", "als"}, {"ru", "be"}, {"uk", "be"}, {"zh", "yue", "wuu"},
    {"ar", "ary", "arz"}, {"hi", "mr", "ne", "sa"}, {"tr", "az", "tk", "crh"}, {"lv", "ltg"}, {"tl", "bcl"}, {"he", "hbo"}, {"el", "grc"}, {"sw", "rw"}, {"ja", "zh"},
)  # fmt: skip
"""Languages that a few sentences may not tell apart: a row in one does not count as foreign among rows in another."""
FAMILIES = {
    "roa": {"es", "pt", "gl", "ca", "an", "ext", "ast", "it", "fr", "oc", "ro", "lij", "vec", "wa", "co", "la"}, "zls": {"hr", "sr", "bs", "sl", "mk", "bg"}, "zlw": {"cs", "sk", "pl"},
    "gmq": {"da", "no", "nn", "sv", "is", "fo"}, "gmw": {"de", "nl", "af", "lb", "fy"}, "poz": {"id", "ms", "jv", "su", "tl", "bcl"}, "fiu": {"fi", "et", "se"}, "bat": {"lv", "lt", "ltg"},
}  # fmt: skip
"""Where a text is certainly in one of these and no more, the family's code (ISO 639-5) stands for it; it is foreign to all languages outside. English is in none."""
NAMES = {
    "roa": "a Romance language", "zls": "a South Slavic language", "zlw": "a West Slavic language", "gmq": "a Scandinavian language", "gmw": "German, Dutch or a relative",
    "poz": "Indonesian or a relative", "fiu": "Finnish or Estonian", "bat": "a Baltic language",
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "sv": "Swedish", "da": "Danish", "no": "Norwegian",
    "fi": "Finnish", "cs": "Czech", "sk": "Slovak", "hu": "Hungarian", "ro": "Romanian", "tr": "Turkish", "id": "Indonesian", "vi": "Vietnamese", "ca": "Catalan", "hr": "Croatian", "sl": "Slovene",
    "et": "Estonian", "lv": "Latvian", "lt": "Lithuanian", "sw": "Swahili", "tl": "Tagalog", "sq": "Albanian", "ru": "Russian", "uk": "Ukrainian", "be": "Belarusian", "bg": "Bulgarian", "sr": "Serbian",
    "mk": "Macedonian", "kk": "Kazakh", "el": "Greek", "ar": "Arabic", "fa": "Persian", "ur": "Urdu", "he": "Hebrew", "hi": "Hindi", "mr": "Marathi", "ne": "Nepali", "bn": "Bengali", "pa": "Punjabi",
    "gu": "Gujarati", "ta": "Tamil", "te": "Telugu", "kn": "Kannada", "ml": "Malayalam", "si": "Sinhala", "th": "Thai", "lo": "Lao", "my": "Burmese", "km": "Khmer", "ka": "Georgian", "hy": "Armenian",
    "am": "Amharic", "ko": "Korean", "ja": "Japanese", "zh": "Chinese", "ms": "Malay", "af": "Afrikaans", "gl": "Galician", "eu": "Basque", "ga": "Irish", "cy": "Welsh", "is": "Icelandic", "la": "Latin",
    "eo": "Esperanto", "az": "Azerbaijani", "Cyrl": "Cyrillic script", "Arab": "Arabic script", "Deva": "Devanagari script", "Hani": "Han characters",
}  # fmt: skip
