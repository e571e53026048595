"""One small list of questions, written for these tests, in every format that is read."""

from __future__ import annotations

import io
from pathlib import Path

import docx

QUESTIONS = ("How do I renew a loan?", "Can I search the catalogue from a script?", "Is there a café?")
CODE = "for book in search('quills'):\n    print(book.title)"

RST = """\
.. _library-faq:

===================
Quillmoor Library
===================

.. only:: html

   .. contents::

Borrowing
=========

.. _renewing:

How do I renew a loan?
----------------------

Open *My loans* and press :guilabel:`Renew`.  A loan can be renewed
twice; see `the rules <https://library.example/rules>`_ [1]_.

* A reserved book cannot be renewed.
* A journal can be renewed :emphasis:`once`.

.. A comment that nobody reads.

Can I search the catalogue from a script?
-----------------------------------------

Yes, with :func:`~quillmoor.search`::

   for book in search('quills'):
       print(book.title)

Visiting
========

Opening hours
-------------

From nine to five.

Is there a café?
----------------

Yes, beside the entrance.

.. [1] A footnote.
"""

MARKDOWN = """\
---
title: Quillmoor Library
---

# Quillmoor Library

## Borrowing

### How do I renew a loan?

Open *My loans* and press **Renew**.  A loan can be renewed
twice; see [the rules](https://library.example/rules)[^1].

- A reserved book cannot be renewed.
- A journal can be renewed *once*.

<!-- A comment that nobody reads. -->

### Can I search the catalogue from a script?

Yes, with `search()`:

```python
for book in search('quills'):
    print(book.title)
```

## Visiting

### Opening hours

From nine to five.

### Is there a café?

Yes, beside the entrance.

[^1]: A footnote.
"""

HTML = """\
<!doctype html>
<html><head><meta charset="utf-8"><title>Library</title><script>var a = 1;</script></head>
<body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/faq">FAQ</a></li></ul></nav>
<main>
<h1>Quillmoor Library</h1>
<h2>Borrowing</h2>
<section><h3>How do I renew a loan?<a class="headerlink" href="#x">¶</a></h3>
<p>Open <em>My loans</em> and press <b>Renew</b>.  A loan can be renewed
twice; see <a href="https://library.example/rules">the rules</a><a href="#fn1"><sup>1</sup></a>.</p>
<ul><li>A reserved book cannot be renewed.</li><li>A journal can be renewed <i>once</i>.</li></ul>
<!-- A comment that nobody reads. --></section>
<section><h3>Can I search the catalogue from a script?</h3>
<p>Yes, with <code>search()</code>:</p>
<pre><code class="language-python">for book in search('quills'):
    print(book.title)
</code></pre></section>
<h2>Visiting</h2>
<h3>Opening hours</h3><p>From nine to five.</p>
<details><summary>Is there a café?</summary><p>Yes, beside the entrance.</p></details>
<p>Write to us at any time.</p>
</main>
<footer>© Quillmoor</footer>
</body></html>
"""

PLAIN = """\
QUILLMOOR LIBRARY

Borrowing
---------

Q: How do I renew a loan?
A: Open My loans and press Renew. A loan can be renewed
twice; see the rules.

- A reserved book cannot be renewed.
- A journal can be renewed once.

Q: Can I search the catalogue from a script?
A: Yes, with search():

    for book in search('quills'):
        print(book.title)

Visiting
--------

Q: Is there a café?
A: Yes, beside the entrance.
"""


def word(path: Path) -> None:
    """The same as a Word file."""
    document = docx.Document()
    document.add_heading("Quillmoor Library", 0)
    document.add_heading("Borrowing", 1)
    document.add_heading("How do I renew a loan?", 2)
    paragraph = document.add_paragraph("Open My loans and press ")
    paragraph.add_run("Renew").bold = True
    paragraph.add_run(". A loan can be renewed twice; see the rules.")
    document.add_paragraph("A reserved book cannot be renewed.", style="List Bullet")
    document.add_paragraph("A journal can be renewed once.", style="List Bullet")
    document.add_heading("Can I search the catalogue from a script?", 2)
    document.add_paragraph("Yes, with search():")
    for line in CODE.split("\n"):
        run = document.add_paragraph().add_run(line)
        run.font.name = "Courier New"
    document.add_heading("Visiting", 1)
    document.add_heading("Opening hours", 2)
    document.add_paragraph("From nine to five.")
    document.add_paragraph().add_run("Is there a café?").bold = True
    document.add_paragraph("Yes, beside the entrance.")
    document.save(str(path))


Mark = tuple[float, float, float, str, str]
"""(x, y, size, font, text): font is one of regular, bold, fixed."""
FONTS = {"regular": ("F1", "Helvetica"), "bold": ("F2", "Helvetica-Bold"), "fixed": ("F3", "Courier")}


def pdf(pages: list[list[Mark]], *, picture: bool = False, rotate: int = 0, encrypt: bool = False, size: tuple[int, int] = (612, 792)) -> bytes:
    """A PDF with these words at these places; `picture` lays an image over each page, `rotate` has it shown turned (and the words upright), `encrypt` claims a password that nobody knows."""
    objects: list[bytes] = []

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    add(b"<< /Type /Catalog /Pages 2 0 R >>")
    add(b"")  # the pages, once they are known
    fonts = " ".join(
        f"/{name} {add(f'<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>'.encode())} 0 R"
        for name, font in FONTS.values()
    )
    image = add(
        b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\nstream\n\x80\nendstream"
    )
    kids = []
    turned = {0: "", 90: f"0 1 -1 0 {size[0]} 0 cm", 180: f"-1 0 0 -1 {size[0]} {size[1]} cm", 270: f"0 -1 1 0 0 {size[1]} cm"}[rotate]
    for marks in pages:
        out = io.BytesIO()
        out.write(f"{turned}\n".encode())
        if picture:
            out.write(f"q {size[0]} 0 0 {size[1]} 0 0 cm /I1 Do Q\n".encode())
        for x, y, points, font, text in marks:
            said = text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
            out.write(f"BT /{FONTS[font][0]} {points} Tf 1 0 0 1 {x} {y} Tm (".encode() + said + b") Tj ET\n")
        content = add(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(out.getvalue()), out.getvalue()))
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Rotate {rotate} /Contents {content} 0 R "
        kids.append(add(f"{page}/Resources << /Font << {fonts} >> /XObject << /I1 {image} 0 R >> >> >>".encode()))
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>".encode()
    trailer = ""
    if encrypt:
        secret = add(f"<< /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -4 >>".encode())
        trailer = f"/Encrypt {secret} 0 R /ID [<{'43' * 16}> <{'43' * 16}>]"
    file = io.BytesIO(b"%PDF-1.4\n")
    file.seek(0, io.SEEK_END)
    places = []
    for number, body in enumerate(objects, 1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = file.tell()
    file.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode() + b"".join(b"%010d 00000 n \n" % place for place in places))
    file.write(f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode())
    return file.getvalue()


def column(lines: list[str], x: float = 72, y: float = 700, size: float = 11, font: str = "regular", step: float = 14) -> list[Mark]:
    """Lines below one another."""
    return [(x, y - i * step, size, font, line) for i, line in enumerate(lines)]


def printed() -> bytes:
    """The same list as a PDF of two pages, with a header and page numbers."""
    first = [
        *column(["Quillmoor Library"], y=720, size=20),
        *column(["Borrowing"], y=680, size=16),
        *column(["How do I renew a loan?"], y=650, size=13),
        *column(["Open My loans and press Renew. A loan can be re-", "newed twice; see the rules."], y=630),
        *column(["\u2022 A reserved book cannot be renewed.", "\u2022 A journal can be renewed once."], y=590),
        *column(["Can I search the catalogue from a script?"], y=550, size=13),
        *column(["Yes, with search():"], y=530),
        *column(["for book in search('quills'):"], y=506, font="fixed", size=10),
        *column(["print(book.title)"], x=72 + 4 * 6, y=492, font="fixed", size=10),
    ]
    second = [
        *column(["Visiting"], y=680, size=16),
        *column(["Opening hours"], y=650, size=13),
        *column(["From nine to five."], y=630),
        *column(["Is there a café?"], y=600, size=13),
        *column(["Yes, beside the entrance."], y=580),
    ]
    pages = []
    for number, marks in enumerate((first, second), 1):
        edge = [*column(["Quillmoor Library - Handbook"], x=200, y=765, size=9), *column([str(number)], x=300, y=30, size=9)]
        pages.append([*edge, *marks])
    return pdf(pages)
