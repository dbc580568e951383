//! The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! The page forbids itself every request (`default-src 'none'`). Colours follow the reader's light or dark setting and
//! never tell anything alone; what a chart shows is also in a table below it.

mod chart;

use std::fmt::{self, Formatter, Write as _};

use self::chart::{bar, label, share};
use super::markup::Escaped;
use super::note::{self, Note};
use super::words::{TARGET, counted, cut, cut_begin, percent, plural, plural_es, run, target, verdict};
use super::{ModelUse, Report, StoreUse};
use crate::event::Request;
use crate::units::{ByteSize, show_seconds};

const STYLE: &str = include_str!("style.css");

/// More of each are left to `--format json`, so that a page stays one that a browser opens at once.
const MODELS: usize = 100;
const TESTS: usize = 300;
const NOTES: usize = 20;
/// Longer names and sentences are cut.
const NAME: usize = 160;
const SENTENCE: usize = 500;

/// Prints one document: the first report, and charts over all of them, which are newest first.
#[derive(Debug)]
pub(super) struct HtmlReport<'a> {
    pub(super) report: &'a Report,
    pub(super) earlier: &'a [Report],
}

impl fmt::Display for HtmlReport<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { report, earlier } = self;
        let mut page = String::new();
        let title = match report.hit_rate {
            Some(rate) => format!("{} hits – model cache", percent(rate)),
            None => "Model cache".to_owned(),
        };
        writeln!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<main>"
        )?;
        header(&mut page, report)?;
        tiles(&mut page, report)?;
        let runs: Vec<&Report> = earlier.iter().rev().chain([*report]).collect();
        history(&mut page, &runs)?;
        store(&mut page, report)?;
        notes(&mut page, report)?;
        models(&mut page, report)?;
        tests(&mut page, report)?;
        writeln!(page, "</main>\n</body>\n</html>")?;
        formatter.write_str(page.trim_end())
    }
}

fn header(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<header>\n<h1>What the model cache was worth</h1>")?;
    let run = cut(&run(&report.run, report.started.as_deref()), NAME);
    writeln!(page, "<p class=\"soft\">run {}</p>\n</header>", Escaped(&run))
}

fn tiles(page: &mut String, report: &Report) -> fmt::Result {
    let size = |bytes| ByteSize(bytes).to_string();
    writeln!(page, "<section class=\"tiles\" aria-label=\"Summary\">")?;
    match report.hit_rate {
        Some(rate) => {
            let (class, word) = if rate >= TARGET { ("good", "✓") } else { ("bad", "✗") };
            let target = format!("target {}: <span class=\"{class}\">{word} {}</span>", target(), verdict(rate));
            tile(page, "hit rate", &percent(rate), &target)?;
        }
        None => tile(page, "hit rate", "–", "no model was asked for")?,
    }
    let by = |counts: &[(&str, u64)]| match counted(counts) {
        counts if counts.is_empty() => String::new(),
        counts => format!(": {counts}"),
    };
    let (hits, misses) = (plural(report.hits, "hit"), plural_es(report.misses, "miss"));
    let (hits_by, misses_by) = (by(&report.hits_by.counts()), by(&report.misses_by.counts()));
    let below = format!("{hits}{hits_by}<br>{misses}{misses_by}<br>{}", plural(report.tests, "test"));
    tile(page, "requests", &report.requests.to_string(), &below)?;
    tile(page, "fetched", &size(report.bytes_fetched), &format!("{} saved", size(report.bytes_saved)))?;
    let spent = format!(
        "{} saved<br>{} waiting, {} fetching",
        show_seconds(report.seconds_saved),
        show_seconds(report.seconds_waiting),
        show_seconds(report.seconds_fetching)
    );
    tile(page, "tests waited", &show_seconds(report.seconds_preparing), &spent)?;
    writeln!(page, "</section>")
}

/// `below` is markup.
fn tile(page: &mut String, label: &str, value: &str, below: &str) -> fmt::Result {
    writeln!(
        page,
        "<div class=\"card tile\"><p class=\"small soft\">{}</p><p class=\"value\">{}</p><p class=\"small\">{below}</p></div>",
        Escaped(label),
        Escaped(value)
    )
}

fn history(page: &mut String, runs: &[&Report]) -> fmt::Result {
    let ends = |page: &mut String| match runs {
        [first, .., last] => {
            let (first, last) = ends(&label(first), &label(last));
            writeln!(page, "<div class=\"ends\"><span>{}</span><span>{}</span></div>", Escaped(&first), Escaped(&last))
        }
        _ => Ok(()),
    };
    writeln!(page, "<div class=\"pair\">\n<section class=\"card\">\n<h2>Hit rate of the last runs</h2>")?;
    writeln!(page, "<p class=\"small\">")?;
    key(page, "<circle class=\"reached\" cx=\"7\" cy=\"7\" r=\"4\"/>", "target reached")?;
    key(page, "<circle class=\"below\" cx=\"7\" cy=\"7\" r=\"4\"/>", "not reached")?;
    let target = format!("target {}", target());
    key(page, "<line class=\"target\" x1=\"0\" x2=\"14\" y1=\"7\" y2=\"7\"/>", &target)?;
    writeln!(page, "</p>\n<div class=\"chart\">")?;
    writeln!(
        page,
        "<div class=\"axis\" aria-hidden=\"true\"><span>100 %</span><span>50 %</span><span>0 %</span></div>"
    )?;
    chart::hit_rates(page, runs)?;
    ends(page)?;
    writeln!(
        page,
        "</div>\n</section>\n<section class=\"card\">\n<h2>Bytes of the last runs</h2>\n<p class=\"small\">"
    )?;
    // Defined where it is first used; every `fetched` shape is filled with it.
    let hatch = "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><line class=\"stripe\" x1=\"0\" x2=\"0\" y1=\"0\" y2=\"6\"/></pattern></defs>";
    key(page, "<rect class=\"saved\" width=\"14\" height=\"14\"/>", "saved")?;
    key(page, &format!("{hatch}<rect class=\"fetched\" x=\"1\" y=\"1\" width=\"12\" height=\"12\"/>"), "fetched")?;
    let most = runs.iter().map(|run| run.bytes_saved.max(run.bytes_fetched)).max().unwrap_or(0);
    writeln!(page, "</p>\n<div class=\"chart\">\n<div class=\"axis\" aria-hidden=\"true\">")?;
    writeln!(page, "<span>{}</span><span>{}</span><span>0 B</span></div>", ByteSize(most), ByteSize(most / 2))?;
    chart::bytes(page, runs, most)?;
    ends(page)?;
    writeln!(
        page,
        "</div>\n</section>\n</div>\n<details class=\"card\">\n<summary>The last runs in numbers</summary>"
    )?;
    writeln!(page, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"The last runs\">\n<table>")?;
    writeln!(
        page,
        "<caption>{}, newest first; times are UTC</caption>",
        plural(runs.len().try_into().unwrap_or(u64::MAX), "run")
    )?;
    head(page, &["run", "requests", "hit rate", "fetched", "saved", "preparing"])?;
    for run in runs.iter().rev() {
        writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(&label(run)),
            run.requests,
            run.hit_rate.map_or_else(|| "–".to_owned(), percent),
            ByteSize(run.bytes_fetched),
            ByteSize(run.bytes_saved),
            show_seconds(run.seconds_preparing),
        )?;
    }
    writeln!(page, "</tbody>\n</table>\n</div>\n</details>")
}

/// What tells the first run from the last: the day, or the time of the same day.
fn ends(first: &str, last: &str) -> (String, String) {
    match (first.split_once(' '), last.split_once(' ')) {
        (Some((day, begin)), Some((other, end))) if day == other => (begin.to_owned(), end.to_owned()),
        (Some((day, _)), Some((other, _))) => (day.to_owned(), other.to_owned()),
        _ => (cut(first, 16), cut(last, 16)),
    }
}

/// A sign and what it stands for; `sign` is markup.
fn key(page: &mut String, sign: &str, words: &str) -> fmt::Result {
    writeln!(page, "<span class=\"key\"><svg aria-hidden=\"true\">{sign}</svg>{words}</span>")
}

fn head(page: &mut String, columns: &[&str]) -> fmt::Result {
    write!(page, "<thead><tr>")?;
    for column in columns {
        write!(page, "<th scope=\"col\">{column}</th>")?;
    }
    writeln!(page, "</tr></thead>\n<tbody>")
}

fn store(page: &mut String, report: &Report) -> fmt::Result {
    let Some(StoreUse { used_bytes, max_bytes }) = report.store else { return Ok(()) };
    writeln!(page, "<section class=\"card\">\n<h2>The store against its limit</h2>")?;
    let over = if used_bytes > max_bytes { ": over the limit" } else { "" };
    let part = percent(share(used_bytes, max_bytes));
    writeln!(page, "<p>{} of {} used ({part}){over}</p>", ByteSize(used_bytes), ByteSize(max_bytes))?;
    chart::store(page, used_bytes, max_bytes)?;
    writeln!(page, "</section>")
}

fn notes(page: &mut String, report: &Report) -> fmt::Result {
    let notes = note::all(report);
    if notes.is_empty() && report.since.is_none() {
        return Ok(());
    }
    writeln!(page, "<section class=\"card\">\n<h2>Worth a look</h2>\n<dl>")?;
    for Note { label, lines } in notes {
        for line in lines.iter().take(NOTES) {
            writeln!(page, "<dt>{label}</dt><dd>{}</dd>", Escaped(&cut(line, SENTENCE)))?;
        }
        if let Some(left @ 1..) = lines.len().checked_sub(NOTES) {
            writeln!(page, "<dt>{label}</dt><dd>… and {left} more</dd>")?;
        }
    }
    if let Some(since) = &report.since {
        let earlier = cut(&run(&since.run, since.started.as_deref()), NAME);
        let words = cut(&since.words(report), SENTENCE);
        writeln!(page, "<dt>since</dt><dd>{}: {}</dd>", Escaped(&earlier), Escaped(&words))?;
    }
    writeln!(page, "</dl>\n</section>")
}

fn models(page: &mut String, report: &Report) -> fmt::Result {
    if report.models.is_empty() {
        return Ok(());
    }
    let mut models: Vec<&ModelUse> = report.models.iter().collect();
    models.sort_by(|one, other| other.seconds_preparing.total_cmp(&one.seconds_preparing));
    let most = models.first().map_or(0.0, |model| model.seconds_preparing);
    writeln!(page, "<section class=\"card\">\n<h2>Time per model</h2>")?;
    writeln!(
        page,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Time per model\">\n<table id=\"models\">"
    )?;
    writeln!(page, "<caption>How long tests waited, longest first{}</caption>", left(models.len(), MODELS))?;
    head(page, &["model", "preparing", "p50", "p95", "max", "asked", "hits", "fetched", "saved"])?;
    let took = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), show_seconds);
    for model in models.iter().take(MODELS) {
        write!(page, "<tr><th scope=\"row\">{}</th>", Escaped(&cut(&model.name, NAME)))?;
        bar(page, model.seconds_preparing, most)?;
        for seconds in [model.seconds_p50, model.seconds_p95, model.seconds_max] {
            write!(page, "<td>{}</td>", took(seconds))?;
        }
        let rate = model.hit_rate.map_or_else(|| "–".to_owned(), percent);
        let (fetched, saved) = (ByteSize(model.bytes_fetched), ByteSize(model.bytes_saved));
        writeln!(page, "<td>{}</td><td>{rate}</td><td>{fetched}</td><td>{saved}</td></tr>", model.requests)?;
    }
    writeln!(page, "</tbody>\n</table>\n</div>\n</section>")
}

fn tests(page: &mut String, report: &Report) -> fmt::Result {
    if report.per_test.is_empty() {
        return Ok(());
    }
    let mut slowest: Vec<&Request> = report.per_test.iter().collect();
    slowest.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    let most = slowest.first().map_or(0.0, |request| request.seconds);
    writeln!(page, "<section class=\"card\">\n<h2>Per test</h2>\n<table id=\"tests\">")?;
    writeln!(page, "<caption>Each model that a test asked for, slowest first{}</caption>", left(slowest.len(), TESTS))?;
    head(page, &["test and model", "outcome", "time"])?;
    for request in slowest.iter().take(TESTS) {
        let test = request.test.as_deref().map_or_else(|| "(no test)".to_owned(), |test| cut_begin(test, NAME));
        // A path breaks where its parts do.
        let test = Escaped(&test).to_string().replace("::", "::<wbr>");
        let (model, outcome) = (cut(&request.model, NAME), request.outcome.as_str());
        write!(page, "<tr><th scope=\"row\">{test}<br><span class=\"small soft\">{}</span></th>", Escaped(&model))?;
        write!(page, "<td>{outcome}</td>")?;
        bar(page, request.seconds, most)?;
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody>\n</table>\n</section>")
}

fn left(count: usize, shown: usize) -> String {
    match count.saturating_sub(shown) {
        0 => String::new(),
        more => format!("; {more} more are in <code>--format json</code>"),
    }
}
