"""What became of the rules: for a person, for a program, for a CI system."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from assa.conformance.registry import VERSIONS, Rule
from assa.conformance.running import Outcome, Result
from assa.conformance.texts import TITLES

_TITLE_COLUMNS: Final = 44


def _counted(results: Sequence[Result]) -> str:
    counts = Counter(result.outcome for result in results)
    words = [f"{counts[Outcome.HOLDS]} hold" if counts[Outcome.HOLDS] != 1 else "1 holds"]
    if counts[Outcome.FAILS]:
        words.append(f"{counts[Outcome.FAILS]} FAIL" if counts[Outcome.FAILS] != 1 else "1 FAILS")
    if counts[Outcome.NOT_TRIED]:
        words.append(f"{counts[Outcome.NOT_TRIED]} not tried")
    return ", ".join(words)


def _grouped(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    for section in TITLES:
        found = [result for result in results if result.rule.section == section]
        if found:
            yield section, found


def as_text(target: str, results: Sequence[Result]) -> str:
    """Return a page: every section, and of what does not hold the reason."""
    lines = [f"ASSA protocol, {target}"]
    for version in VERSIONS:
        of_version = [result for result in results if result.rule.version == version]
        if of_version:
            lines += ["", f"v{version}: {_counted(of_version)}"]
            for section, found in _grouped(of_version):
                lines += _section_lines(section, found)
    lines += ["", _verdict(results)]
    return "\n".join(lines) + "\n"


def _section_lines(section: str, results: Sequence[Result]) -> Iterator[str]:
    title = f"  §{section} {TITLES[section]}"
    yield f"{title:{_TITLE_COLUMNS}} {_counted(results)}"
    for result in results:
        if result.outcome is Outcome.FAILS:
            yield f"    FAILS      {result.rule.text} ({result.rule.name})"
            yield from (f"               {line.lstrip()}" for line in result.details.strip().splitlines())
        elif result.outcome is Outcome.NOT_TRIED:
            yield f"    not tried  {result.rule.text}: {result.details}"


def _verdict(results: Sequence[Result]) -> str:
    failed = [result.rule for result in results if result.outcome is Outcome.FAILS]
    if not failed:
        return f"Everything that was tried holds: {_counted(results)}."
    where = dict.fromkeys(f"v{rule.version} §{rule.section}" for rule in failed)  # in the order of the rules
    return f"{_counted(results)}: in {', '.join(where)}."


def as_json(target: str, results: Sequence[Result]) -> str:
    """Return an object with counts by version, and every rule."""
    counts = {
        version: dict(Counter(str(one.outcome) for one in results if one.rule.version == version))
        for version in VERSIONS
    }
    rules = [
        {
            "version": one.rule.version,
            "section": one.rule.section,
            "name": one.rule.name,
            "rule": one.rule.text,
            "outcome": str(one.outcome),
            "details": one.details,
            "seconds": round(one.seconds, 3),
        }
        for one in results
    ]
    return (
        json.dumps({"target": target, "counts": counts, "rules": rules}, ensure_ascii=False, indent=2) + "\n"
    )


def as_junit(target: str, results: Sequence[Result]) -> str:
    """Return JUnit XML: a test suite for each version, a test case for each rule."""
    root = ET.Element("testsuites", {"name": f"ASSA protocol, {target}"} | _totals(results))
    for version in VERSIONS:
        found = [result for result in results if result.rule.version == version]
        if found:
            suite = ET.SubElement(root, "testsuite", {"name": f"v{version}"} | _totals(found))
            for result in found:
                _add_case(suite, result)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _totals(results: Sequence[Result]) -> dict[str, str]:
    counts = Counter(result.outcome for result in results)
    return {
        "tests": str(len(results)),
        "failures": str(counts[Outcome.FAILS]),
        "errors": "0",
        "skipped": str(counts[Outcome.NOT_TRIED]),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _add_case(suite: ET.Element, result: Result) -> None:
    rule = result.rule
    where = f"v{rule.version}.{rule.section.replace('.', '-')} {TITLES[rule.section]}"
    name = f"{rule.name}: {rule.text}"
    case = ET.SubElement(suite, "testcase", classname=where, name=name, time=f"{result.seconds:.3f}")
    if result.outcome is Outcome.FAILS:
        ET.SubElement(case, "failure", message=_xml(rule.text)).text = _xml(result.details)
    elif result.outcome is Outcome.NOT_TRIED:
        ET.SubElement(case, "skipped", message=_xml(result.details))


def _xml(text: str) -> str:
    """Return a text without the characters that XML cannot have."""
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)


FORMATS: Final[dict[str, Callable[[str, Sequence[Result]], str]]] = {
    "text": as_text,
    "json": as_json,
    "junit": as_junit,
}


def as_list(rules: Sequence[Rule]) -> str:
    """Return the rules without trying them."""
    lines = [
        f"v{rule.version} §{rule.section:5} {rule.name:36} {rule.text}{' (slow)' if rule.slow else ''}"
        for rule in rules
    ]
    return "\n".join([*lines, f"{len(rules)} rules"]) + "\n"
