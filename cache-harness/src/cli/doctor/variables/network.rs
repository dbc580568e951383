//! Variables that forbid the network or lead through a proxy.

use super::super::examined::Examined;
use super::super::finding::Finding;
use super::{note, warning};
use crate::address;
use crate::environment::{Environment, HF_HUB_OFFLINE, OFFLINE};

const PROXIES: [&str; 3] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let environment = &examined.environment;
    let mut findings = Vec::new();
    if environment.is_on(HF_HUB_OFFLINE) && environment.text(OFFLINE).is_some() && !environment.is_on(OFFLINE) {
        let message =
            format!("`{OFFLINE}` allows cache-harness the network that `{HF_HUB_OFFLINE}` forbids the Hub's clients");
        findings.push(note("offline-contradiction", message).mend(format!("unset {OFFLINE}")));
    }
    if let Some(text) = environment.text(HF_HUB_OFFLINE)
        && crate::environment::parse_switch(text).is_err()
    {
        let message = format!("`{HF_HUB_OFFLINE}` is `{text}`, which counts as off");
        findings.push(warning("switch-unread", message).mend(format!("export {HF_HUB_OFFLINE}=1")));
    }
    for name in PROXIES {
        findings.extend(proxy(environment, name));
    }
    findings
}

fn proxy(environment: &Environment, name: &str) -> Option<Finding> {
    let lower = name.to_ascii_lowercase();
    let (upper, lower) = (environment.text(name), environment.text(&lower).map(|value| (lower, value)));
    if let (Some(upper), Some((lower, value))) = (upper, &lower)
        && upper != *value
    {
        let message = format!("`{name}` and `{lower}` name two proxies, and programs differ in which they take");
        return Some(warning("proxy-contradiction", message).mend(format!("unset {lower}")));
    }
    let (name, value) = upper.map(|value| (name.to_owned(), value)).or(lower)?;
    let shown = address::shown(&if value.contains("://") { value.to_owned() } else { format!("http://{value}") });
    Some(note("proxy", format!("`{name}` leads requests through {shown}")))
}
