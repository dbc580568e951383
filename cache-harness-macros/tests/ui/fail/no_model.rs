use cache_harness_macros::cached_model;

#[cached_model]
#[test]
fn no_arguments() {}

#[cached_model()]
#[test]
fn empty_arguments() {}

#[cached_model(offline = true)]
#[test]
fn only_an_option() {}

fn main() {}
