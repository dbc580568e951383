//! What was left behind: by killed processes, by damage, by a clock that was set back; and who is at work now.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::examined::Examined;
use super::finding::{Check, Finding, or_ok};
use crate::event::run_is_hidden;
use crate::fetch;
use crate::fs;
use crate::lock::ExclusiveLock;
use crate::store::retention::Use;
use crate::store::{Survey, sweep};
use crate::time;
use crate::units::{ByteSize, show_seconds};

/// A partial that nobody went on with for so long will hardly be wanted.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// Clocks of one network differ by less.
const SLACK: Duration = Duration::from_secs(120);

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let (Some(cache), Some(survey)) = (&examined.cache, &examined.survey) else { return Vec::new() };
    let (state, now) = (&cache.config().state_dir, time::now());
    let runs = fs::list(&state.join("runs")).unwrap_or_default();
    let mut findings: Vec<_> = partials(survey, now).into_iter().collect();
    findings.extend(put_aside(survey, "quarantine", "quarantine", "in quarantine: the bytes were not those pinned"));
    findings.extend(kept(survey));
    findings.extend(put_aside(survey, "trash", "trash", "in the trash: removed, but not to the end"));
    let half_removed = runs.iter().filter(|run| run_is_hidden(run)).count();
    if half_removed > 0 {
        let message = format!("{} removed, but not to the end", several(half_removed, "run log"));
        let line = format!("rm -r {}/.[!.]*", super::finding::quoted(&state.join("runs").display().to_string()));
        findings.push(Finding::note(Check::Leftovers, "half-removed-runs", message).mend(line));
    }
    findings.extend(clock(survey, &runs, now));
    for (host, pause) in fetch::pauses(state) {
        let message = format!("{host} refused requests and is asked none for {}", show_seconds(pause.as_secs_f64()));
        findings.push(
            Finding::note(Check::Leftovers, "host-paused", message).mend(format!("sleep {}", pause.as_secs() + 1)),
        );
    }
    let mut findings = or_ok(findings, Check::Leftovers, "no stale partials, no quarantine, no trash");
    findings.extend(at_work(survey));
    findings
}

fn several(count: usize, noun: &str) -> String {
    if count == 1 { format!("one {noun}") } else { format!("{count} {noun}s") }
}

fn partials(survey: &Survey, now: SystemTime) -> Option<Finding> {
    let idle = survey.partials.iter().filter(|(path, _)| !ExclusiveLock::is_held(path));
    let stamped: Vec<_> = idle.filter_map(|(path, bytes)| Some((fs::modified(path)?, *bytes))).collect();
    let oldest = time::age(stamped.iter().map(|(stamp, _)| *stamp).min()?, now);
    let (count, bytes) = (several(stamped.len(), "partial"), stamped.iter().map(|(_, bytes)| bytes).sum());
    let age = show_seconds(oldest.as_secs_f64().floor());
    let message =
        format!("{count} ({}), the oldest left {age} ago, which the next download goes on with", ByteSize(bytes));
    let finding = Finding::note(Check::Leftovers, "partials", message);
    if oldest < STALE {
        return Some(finding);
    }
    let message = format!("{count} ({}), the oldest left {age} ago, and nobody went on", ByteSize(bytes));
    Some(Finding::note(Check::Leftovers, "stale-partials", message).mend("cache-harness optimize"))
}

/// What lies in one of the store's folders for what is out of use.
fn put_aside(survey: &Survey, folder: &str, id: &'static str, what: &str) -> Option<Finding> {
    let is_there = |path: &Path| path.parent().is_some_and(|parent| parent.ends_with(folder));
    let is_waste = |path: &Path| is_there(path) && !sweep::is_kept(path);
    let there: Vec<_> = survey.quarantine.iter().filter(|(path, _)| is_waste(path)).collect();
    if there.is_empty() {
        return None;
    }
    let bytes = ByteSize(there.iter().map(|(_, bytes)| bytes).sum());
    let message = format!("{} ({bytes}) {what}", several(there.len(), "file"));
    Some(Finding::note(Check::Leftovers, id, message).mend("cache-harness optimize"))
}

/// Files that somebody wrote into where they had been placed; `optimize` leaves them for a while.
fn kept(survey: &Survey) -> Option<Finding> {
    let kept: Vec<_> = survey.quarantine.iter().filter(|(path, _)| sweep::is_kept(path)).collect();
    let (first, _) = kept.first()?;
    let bytes = ByteSize(kept.iter().map(|(_, bytes)| bytes).sum());
    let (count, place) = (several(kept.len(), "file"), first.display());
    let message = format!("{count} ({bytes}) changed after being placed, kept for 30 days: `{place}`");
    Some(Finding::note(Check::Leftovers, "kept", message))
}

/// Stamps that are later than now: age and order of use mean nothing then.
fn clock(survey: &Survey, runs: &[std::path::PathBuf], now: SystemTime) -> Option<Finding> {
    let leases = survey.residents.iter().map(|resident| resident.last_used);
    let stamps = leases.chain(runs.iter().filter_map(|run| fs::modified(run)));
    let ahead: Vec<_> = stamps.filter_map(|stamp| stamp.duration_since(now).ok()).filter(|by| *by > SLACK).collect();
    let most = show_seconds(ahead.iter().max()?.as_secs_f64().floor());
    let message = format!(
        "{} from the future, by up to {most}: this clock, or the one that wrote them, is wrong",
        several(ahead.len(), "lease or run log").replace("lease or run logs", "leases or run logs")
    );
    Some(Finding::warning(Check::Leftovers, "clock", message).mend("timedatectl set-ntp true"))
}

fn at_work(survey: &Survey) -> Option<Finding> {
    let leased = survey.residents.iter().filter(|resident| resident.use_ == Use::Leased);
    let names: Vec<_> = leased
        .map(|resident| resident.entry.as_ref().map_or_else(|| resident.id.short(), |entry| entry.model.to_string()))
        .collect();
    let filling = survey.partials.iter().filter(|(path, _)| ExclusiveLock::is_held(path)).count();
    if names.is_empty() && filling == 0 {
        return None;
    }
    let used =
        if names.is_empty() { String::new() } else { format!("in use by living processes: {}", names.join(", ")) };
    let filled = if filling == 0 { String::new() } else { format!("{} being filled", several(filling, "partial")) };
    let texts = [used, filled].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    Some(Finding::ok(Check::Leftovers, texts.join("; ")))
}
