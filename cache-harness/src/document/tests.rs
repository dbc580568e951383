use super::*;

fn complaint(text: &str, read: impl FnOnce(&mut Table<'_>) -> Result<()>) -> String {
    let document = match Document::parse(Path::new("f.toml"), text) {
        Ok(document) => document,
        Err(error) => return error.report(),
    };
    let mut root = document.root();
    match read(&mut root).and_then(|()| root.finish()) {
        Ok(()) => "fine".into(),
        Err(error) => error.report(),
    }
}

fn cache_size(root: &mut Table<'_>) -> Result<()> {
    let Some(mut cache) = root.table("cache")? else { return Ok(()) };
    cache.string("max_size")?;
    cache.strings("list")?;
    cache.whole_number("count", 0..=9)?;
    cache.finish()
}

#[test]
fn an_unknown_key_names_its_place_and_the_near_miss() {
    assert_eq!(
        complaint("\n[cache]\nmax_sise = 1", cache_size),
        "f.toml:3:1: unknown key `max_sise` in [cache]\nhint: did you mean `max_size`?"
    );
    assert_eq!(
        complaint("x = 1\n[models]", cache_size),
        "f.toml:1:1: unknown key `x` at the top level\nhint: the keys here are `cache`"
    );
}

#[test]
fn a_wrong_type_says_expected_and_found_with_the_column_in_characters() {
    assert_eq!(
        complaint("cache = { list = ['ä', 1] }", cache_size),
        "f.toml:1:24: `list` in [cache] must be an array of strings, found an integer"
    );
    assert_eq!(
        complaint("[cache]\nmax_size = 5", cache_size),
        "f.toml:2:12: `max_size` in [cache] must be a string, found an integer"
    );
    for wrong in ["-1", "10", "99999999999999999999"] {
        assert_eq!(
            complaint(&format!("cache.count = {wrong}"), cache_size),
            format!("f.toml:1:15: `count` in [cache] must be from 0 to 9, found {wrong}")
        );
    }
}

#[test]
fn a_byte_order_mark_is_ignored_and_bad_syntax_has_a_place() {
    assert_eq!(complaint("\u{feff}[cache]", cache_size), "fine");
    assert!(complaint("\u{feff}cache = 'ü' x", cache_size).starts_with("f.toml:1:13: "));
    assert!(complaint("[cache]\n[cache]", cache_size).starts_with("f.toml:2:2: "));
}

#[test]
fn what_is_no_utf8_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = |bytes: &[u8]| {
        let mut file = tempfile::NamedTempFile::new_in(&folder).unwrap();
        io::Write::write_all(&mut file, bytes).unwrap();
        let report = read(file.path()).unwrap_err().report();
        report.split_once(file.path().to_str().unwrap()).unwrap().1.to_owned()
    };
    assert_eq!(told(b"a\n\xc3\xa4\xff"), ":2:2: byte 0xff is not UTF-8\nhint: save the file as UTF-8");
    assert_eq!(told(b"\xff\xfea\0"), ":1:1: the file is UTF-16, but TOML is UTF-8\nhint: save the file as UTF-8");
    assert!(read(folder.path()).unwrap_err().to_string().ends_with(":1:1: a folder stands where a file is expected"));
    assert!(read(&folder.path().join("none")).unwrap().is_none());
}
