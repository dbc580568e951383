//! The report as the JSON document that the contract fixes: the fields of [`Report`], in their order.

use std::fmt;

use super::Report;

/// Prints one indented JSON document.
#[derive(Debug)]
pub(super) struct JsonReport<'a>(pub(super) &'a Report);

impl fmt::Display for JsonReport<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&serde_json::to_string_pretty(self.0).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::Fold;

    #[test]
    fn the_keys_of_the_contract_come_first_and_in_its_order() {
        let mut fold = Fold::default();
        fold.line(br#"{"event":"request","at":1763704346.5,"model":"a","outcome":"miss","seconds":0.5,"test":"t"}"#);
        let json = fold.finish("r".into()).json().to_string();
        let mut rest = json.as_str();
        let contract = "run started tests requests hits misses hit_rate bytes_served bytes_fetched bytes_saved \
             seconds_preparing seconds_saved retries resumes repairs evictions fallbacks skips models name requests \
             hits misses hit_rate bytes_served bytes_fetched seconds_preparing seconds_saved repairs slowest";
        for key in contract.split_whitespace() {
            let position =
                rest.find(&format!("\"{key}\": ")).unwrap_or_else(|| panic!("`{key}` is not next in {json}"));
            assert!(!rest[..position].contains("\": {"), "{json}");
            rest = &rest[position + key.len()..];
        }
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["started"], "2025-11-21T05:52:26Z");
        let slowest = &value["slowest"][0];
        assert_eq!((&slowest["test"], &slowest["model"]), (&"t".into(), &"a".into()));
        assert_eq!((&slowest["outcome"], &slowest["seconds"]), (&"miss".into(), &0.5.into()));
    }

    #[test]
    fn without_requests_there_is_no_hit_rate() {
        let value: serde_json::Value =
            serde_json::from_str(&Fold::default().finish("r".into()).json().to_string()).unwrap();
        assert!(value["hit_rate"].is_null() && value["started"].is_null());
        assert_eq!(value["requests"], 0);
    }
}
