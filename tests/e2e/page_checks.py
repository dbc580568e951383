"""What those who read a report make of it: `page_checks.py metrics|junit|page FOLDER`."""

import json
import math
import pathlib
import shutil
import sys
import xml.etree.ElementTree

work = pathlib.Path(sys.argv[2])
reports = json.loads((work / "report.json").read_text())
newest = reports[0]


def metrics():
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    families = {family.name: family for family in text_string_to_metric_families((work / "report.openmetrics").read_text())}
    value = lambda name: sum(sample.value for sample in families["cache_harness_" + name].samples)
    for name in ["hits", "misses", "tests", "retries", "repairs", "skips", "failures"]:
        assert value(name) == newest[name], name
    assert value("fetched_bytes") == newest["bytes_fetched"] and value("saved_bytes") == newest["bytes_saved"]
    labels = {sample.labels["model"] for sample in families["cache_harness_preparing_seconds"].samples}
    assert labels == {model["name"] for model in newest["models"]}
    print(len(families), "families")


# What junit-10.xsd of Jenkins' xunit plugin allows of what we write; GitLab and others read less.
JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "skipped", "timestamp"},
        {"properties", "testcase"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "time", "classname"}, {"skipped", "failure", "system-out"}),
    "skipped": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}


def junit():
    suites = xml.etree.ElementTree.parse(work / "report.junit").getroot()
    for element in suites.iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.keys()) <= attributes, element.attrib
        assert {child.tag for child in element} <= children, element.tag
    cases = suites.findall("testsuite/testcase")
    suite = suites.find("testsuite")
    assert [case.get("name") for case in cases] == [model["name"] for model in newest["models"]]
    count = lambda tag: str(sum(case.find(tag) is not None for case in cases))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (str(len(cases)), count("failure"), count("skipped"))
    assert (count("failure"), count("skipped")) == ("1", "1")
    print(len(cases), "cases")


def contrast(one, other):
    def luminance(colour):
        parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


LOOK = """() => {
    const all = selector => [...document.querySelectorAll(selector)];
    const values = selector => all(selector).map(shape => Number(shape.dataset.value));
    const boxes = selector => all(selector).map(shape => { const b = shape.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; });
    const style = (selector, property) => getComputedStyle(document.querySelector(selector))[property];
    return {
        overflow: document.documentElement.scrollWidth - innerWidth,
        rates: values('#rates circle'), rateBoxes: boxes('#rates circle'), ratesBox: boxes('#rates')[0],
        saved: values('#bytes .saved'), savedBoxes: boxes('#bytes .saved'),
        fetched: values('#bytes .fetched'), fetchedBoxes: boxes('#bytes .fetched'),
        store: values('#store [data-value]'), storeBoxes: boxes('#store rect'),
        models: all('#models tbody th').map(cell => cell.textContent), modelSeconds: values('#models [data-value]'),
        modelBoxes: boxes('#models rect.saved'), beds: boxes('#models rect.bed'),
        tests: all('#tests tbody tr').length, testSeconds: values('#tests [data-value]'),
        unnamed: all('svg:not([aria-hidden])').filter(svg => !(svg.getAttribute('role') === 'img'
            && svg.getAttribute('aria-labelledby').split(' ').every(id => document.getElementById(id)?.textContent))).length,
        uncaptioned: all('table').filter(table => !table.caption?.textContent).length,
        scripts: all('script, img, iframe, link:not([rel=icon])').length,
        small: all('body *').filter(element => element.textContent.trim() && parseFloat(getComputedStyle(element).fontSize) < 13).length,
        paper: style('body', 'backgroundColor'), card: style('.card', 'backgroundColor'), ink: style('body', 'color'),
        soft: style('.soft', 'color'), good: style('.good, .bad', 'color'), caption: style('caption', 'color'),
    };
}"""


def proportional(values, sizes, what):
    """Sizes are to each other as the values are, within a pixel."""
    scale = max(sizes) / max(values) if max(values) else 0
    for value, size in zip(values, sizes, strict=True):
        assert math.isclose(value * scale, size, abs_tol=1.0), (what, value, size, scale)


def check(look, width):
    assert look["overflow"] <= 0, f"{look['overflow']} px too wide at {width}"
    oldest_first = reports[::-1]
    assert look["rates"] == [report["hit_rate"] for report in oldest_first]
    assert look["saved"] == [report["bytes_saved"] for report in oldest_first]
    assert look["fetched"] == [report["bytes_fetched"] for report in oldest_first]
    assert look["store"] == [newest["store"]["used_bytes"], newest["store"]["max_bytes"]]
    # A dot's middle is as far from the bottom line as its rate is of the way to the top line.
    top, height = look["ratesBox"][1], look["ratesBox"][3]
    middles = [top + height - 8 - (box[1] + box[3] / 2) for box in look["rateBoxes"]]
    proportional([1.0, *look["rates"]], [height - 16, *middles], "rates")
    bars = look["savedBoxes"] + look["fetchedBoxes"]
    # A stroke of a pixel goes around what is fetched, also where that is nothing.
    heights = [box[3] for box in look["savedBoxes"]] + [box[3] for box in look["fetchedBoxes"]]
    proportional(look["saved"] + look["fetched"], heights, "bytes")
    assert all(box[2] >= 1 for box in bars), "bars that cannot be seen"
    bed, used = look["storeBoxes"]
    assert math.isclose(used[2] / bed[2], look["store"][0] / look["store"][1], abs_tol=0.01)
    models = sorted(newest["models"], key=lambda model: -model["seconds_preparing"])
    assert look["models"] == [model["name"] for model in models]
    assert look["modelSeconds"] == [model["seconds_preparing"] for model in models]
    proportional(look["modelSeconds"], [box[2] for box in look["modelBoxes"]], "models")
    assert look["tests"] == len(newest["per_test"])
    assert look["testSeconds"] == sorted((request.get("seconds", 0) for request in newest["per_test"]), reverse=True)
    assert (look["unnamed"], look["uncaptioned"], look["scripts"], look["small"]) == (0, 0, 0, 0), look
    for text in ["ink", "soft", "good", "caption"]:
        assert contrast(look[text], look["card"]) >= 4.5, (text, contrast(look[text], look["card"]))


def page():
    from playwright.sync_api import sync_playwright

    address = (work / "report.html").as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        papers = set()
        for scheme in ["light", "dark"]:
            for width in [360, 1280]:
                context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
                tab = context.new_page()
                said, asked = [], []
                tab.on("console", lambda message: said.append(message.text))
                tab.on("pageerror", lambda error: said.append(str(error)))
                tab.on("request", lambda request: asked.append(request.url))
                tab.goto(address)
                look = tab.evaluate(LOOK)
                tab.screenshot(path=work / f"{scheme}-{width}.png", full_page=True)
                assert said == [], said
                assert [url for url in asked if not url.startswith("data:")] == [address], asked
                check(look, width)
                papers.add(look["paper"])
                context.close()
        assert len(papers) == 2, "light and dark look alike"
        print(browser.version, "opened", address.rsplit("/", 1)[1], "four times")
        browser.close()


{"metrics": metrics, "junit": junit, "page": page}[sys.argv[1]]()
