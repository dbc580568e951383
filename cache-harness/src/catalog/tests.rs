//! Claims about what may be declared.

use super::*;
use crate::document::Document;

fn read(text: &str) -> Result<Catalog, String> {
    let document = Document::parse(Path::new("/p/cache-harness.toml"), text).unwrap();
    let read = Catalog::read(&mut document.root(), &Providers::default(), &Environment::default());
    read.map_err(|error| error.report().trim_start_matches("/p/cache-harness.toml:").to_owned())
}

#[test]
fn each_source_has_its_defaults_and_its_description() {
    let catalog = read(
        "[models.a]\nhub = 'openai/whisper-tiny'\nfallback = 'b'\n[models.b]\nurls = ['http://localhost:1/x/ggml.bin?y']\n\
         [models.'c/d.e']\npath = 'fixtures/minilm'\nprovider = 'huggingface'\nhub_id = 'o/n'\n\
         [models.f]\nurls = ['https://a.example/m.tar.gz']\nunpack = true",
    )
    .unwrap();
    let told = |name| {
        let found = catalog.get(name).unwrap();
        (found.source.describe(), found.provider.as_str(), found.hub_id.clone(), found.line)
    };
    let hub = Some("openai/whisper-tiny".into());
    assert_eq!(told("a"), ("hub:openai/whisper-tiny@main".into(), "huggingface", hub, 1));
    assert_eq!(told("b"), ("urls:ggml.bin".into(), "directory", None, 4));
    assert_eq!(told("c/d.e"), ("path:fixtures/minilm".into(), "huggingface", Some("o/n".into()), 6));
    assert_eq!(told("f"), ("unpack:m.tar.gz".into(), "directory", None, 10));
    let absolute = Source::Path("/p/fixtures/minilm".into(), "fixtures/minilm".into());
    assert_eq!(catalog.get("c/d.e").unwrap().source, absolute);
    assert_eq!(
        catalog.get("c/d.f").unwrap_err().report(),
        "no model named `c/d.f` in `/p/cache-harness.toml`\nhint: did you mean `c/d.e`?"
    );
    assert!(matches!(Catalog::empty(Path::new("/p")).get("a"), Err(Error::NoCatalog { .. })));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    for (text, expected) in [
        ("[models.a]", "1:9: exactly one of `hub`, `urls`, `path` and `builtin` is needed in [models.a], found none"),
        (
            "[models.a]\nhub = 'o/n'\npath = 'x'",
            "1:9: exactly one of `hub`, `urls`, `path` and `builtin` is needed in [models.a], found `hub`, `path`",
        ),
        (
            "[models.a]\nhub = 'o/n--m'",
            "2:7: `hub` in [models.a]: `o/n--m` is no repository id: expected `owner/name` of letters, digits, `.`, `_`, `-`",
        ),
        (
            "[models.a]\nhub = 'o/n'\nrevision = '../x'",
            "3:12: `revision` in [models.a]: `../x` has a `.` or `..` part, which could leave its folder",
        ),
        (
            "[models.a]\npath = 'x'\nfiles = ['y']",
            "3:10: `files` in [models.a] is only for a model with `hub` or `unpack`",
        ),
        ("[models.a]\npath = 'x'\nunpack = true", "3:10: `unpack` in [models.a] is only for a model with `urls`"),
        (
            "[models.a]\nurls = ['https://a.example/m.rar']\nunpack = true",
            "2:9: `urls` in [models.a]: `m.rar` cannot be unpacked: its name ends with none of `.tar.gz`, `.tar.zst`, `.tar.xz`, `.tar.bz2`, `.tgz`, `.tzst`, `.txz`, `.tbz2`, `.tar`, `.zip`, `.gz`, `.zst`, `.xz`, `.bz2`",
        ),
        (
            "[models.a]\nurls = ['https://a.example/m', 'http://a.example/m']",
            "2:32: `urls` in [models.a]: `http://a.example/m` cannot be used: plain http is allowed only to this machine (127.0.0.0/8, [::1], localhost): use https\nhint: without https there, `insecure_http = true` in [models.a] allows it: the pinned digest still protects the bytes, but who is on the way reads which file it is, and its size",
        ),
        (
            "[models.a]\nhub = 'o/n'\ninsecure_http = true",
            "3:17: `insecure_http` in [models.a] is only for a model with `urls`",
        ),
        (
            "[models.a]\nurls = ['ftp://a.example/m']\ninsecure_http = true",
            "2:9: `urls` in [models.a]: `ftp://a.example/m` cannot be used: `ftp` is not supported: use https",
        ),
        (
            "[models.a]\nurls = ['https://a.example/']",
            "2:9: `urls` in [models.a]: `https://a.example/` cannot be used: it names no file: its path ends with `/`",
        ),
        (
            "[models.a]\nurls = ['https://a.example/m']\nsha256 = 'ab'",
            "3:10: `sha256` in [models.a]: `ab` is no SHA-256: expected 64 hexadecimal digits, found 2",
        ),
        (
            "[models.a]\nurls = ['https://a.example/m']\nprovider = 'huggingface'",
            "1:9: missing `hub_id` in [models.a]: provider `huggingface` needs it\nhint: write the id under which the model is loaded, such as `owner/name`",
        ),
        (
            "[models.'../a']\npath = 'x'",
            "1:9: the model name `../a` has a `.` or `..` part, which could leave its folder",
        ),
        (
            "[models.tiny]\npath = 'x'\nfallback = 'tinyy'",
            "3:12: the fallback `tinyy` is not declared\nhint: did you mean `tiny`?",
        ),
        (
            "[models.a]\npath = 'x'\nfallback = 'b'\n[models.b]\npath = 'x'\nfallback = 'a'",
            "3:12: the fallbacks lead in a circle: `a` -> `b` -> `a`",
        ),
        (
            "[models.a]\npath = 'x'\ncapabilites = ['y']",
            "3:1: unknown key `capabilites` in [models.a]\nhint: did you mean `capabilities`?",
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), expected);
    }
}
