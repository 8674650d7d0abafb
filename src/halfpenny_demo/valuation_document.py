"""The valuation reports of the demo as PDF: one page of plain text that says that it is synthetic.

Written by hand (ISO 32000-1, 7.5: header, objects, cross-reference table, trailer), because a seed writes hundreds.
"""

from __future__ import annotations

from collections.abc import Sequence

_LINE_POINTS, _TOP_POINTS, _LEFT_POINTS = 18, 780, 60


def report_document(valuer: str, address: str, figure: str, valued_on: str) -> bytes:
    """The report of ``valuer`` about one property, with its figure and day, as a whole PDF."""
    return pdf_of_lines(
        (
            "Valuation report (synthetic: made for a demonstration, about no real inspection)",
            f"Valuer: {valuer}",
            f"Property: {address}",
            f"Market value: {figure}",
            f"Day of valuation: {valued_on}",
        )
    )


def pdf_of_lines(lines: Sequence[str]) -> bytes:
    """One A4 page with these lines in Helvetica; what its encoding does not hold becomes a question mark."""
    shown = " T* ".join(f"({_escaped(line)}) Tj" for line in lines)
    text = f"BT /F1 11 Tf {_LINE_POINTS} TL {_LEFT_POINTS} {_TOP_POINTS} Td {shown} ET".encode("cp1252", "replace")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    )
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return content + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(content))
    )


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
