//! Claims about what a variant is, and which one is chosen.

use super::*;
use crate::document::Document;
use crate::provider_kind::ProviderKind;

fn parse(text: &str) -> Result<Catalog> {
    let document = Document::parse(Path::new("/p/cache-harness.toml"), text)?;
    Catalog::read(&mut document.root(), &Providers::default(), &Environment::default())
}

fn read(text: &str) -> Catalog {
    parse(text).unwrap()
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().report().trim_start_matches("/p/cache-harness.toml:").to_owned()
}

const TINY: &str = "[models.tiny]\nhub = 'openai/whisper-tiny'\ncapabilities = ['speech']\nfallback = 'tiny@mini'\n\
    [models.tiny.variants.q5]\nurls = ['https://a.example/q5.bin']\nprovider = 'directory'\ndescription = 'small'\n\
    [models.tiny.variants.mini]\npath = 'mini'\nstand_in = true\non = 'ci'\n\
    [models.plain]\npath = 'x'\n[models.plain.variants.mini]\npath = 'y'\n";

#[test]
fn a_variant_is_a_model_that_takes_from_its_model_what_it_does_not_say() {
    let catalog = read(TINY);
    let mini = catalog.get("tiny@mini").unwrap();
    assert_eq!((mini.provider, mini.hub_id.as_deref()), (ProviderKind::Huggingface, Some("openai/whisper-tiny")));
    assert_eq!((mini.on, mini.stand_in, mini.line), (Some(On::Ci), true, 9));
    assert_eq!((mini.capabilities.as_slice(), mini.fallback.as_ref()), (["speech".to_owned()].as_slice(), None));
    let q5 = catalog.get("tiny@q5").unwrap();
    assert_eq!(
        (q5.provider, q5.hub_id.as_deref(), q5.description.as_deref()),
        (ProviderKind::Directory, None, Some("small"))
    );
    assert_eq!(q5.fallback.as_ref().map(ModelName::as_str), Some("tiny@mini"));
    assert_eq!(catalog.get("tiny@full").unwrap().name.as_str(), "tiny");
    let unknown = catalog.get("tiny@q6").unwrap_err().report();
    assert!(unknown.ends_with("did you mean `tiny@q5`?"), "{unknown}");
}

#[test]
fn the_strongest_wish_chooses() {
    let catalog = read(TINY);
    let variable = Origin::Variable("CACHE_HARNESS_VARIANT");
    let on_ci = Origin::File { path: "/p/cache-harness.toml".into(), line: 9 };
    let none = Origin::Default;
    for (name, annotation, setting, ci, expected, origin) in [
        ("tiny", None, "", false, "tiny", &none),
        ("tiny", None, "", true, "tiny@mini", &on_ci),
        ("plain", None, "", true, "plain", &none),
        ("tiny", None, "q5", true, "tiny@q5", &variable),
        ("plain", None, "q5", false, "plain", &none),
        ("tiny", None, "full", true, "tiny", &variable),
        ("tiny", None, "mini,tiny=full", true, "tiny", &variable),
        ("plain", None, "mini,tiny=full", true, "plain@mini", &variable),
        // A word that this model does not have leaves the choice to what is weaker.
        ("tiny", None, "plain=mini", true, "tiny@mini", &on_ci),
        ("tiny", Some("q5"), "mini", true, "tiny@q5", &none),
        ("tiny", Some("full"), "mini", true, "tiny", &none),
        ("tiny@q5", None, "mini", true, "tiny@q5", &none),
        ("tiny@q5", Some("full"), "mini", true, "tiny@q5", &none),
        ("tiny@full", None, "mini", true, "tiny", &none),
    ] {
        let setting = Setting { value: setting.parse().unwrap(), origin: variable.clone() };
        let choice = catalog.choose(name, annotation, &setting, ci).unwrap();
        assert_eq!((choice.declared.name.as_str(), &choice.origin), (expected, origin), "{name} {setting:?} {ci}");
    }
    let error = catalog.choose("tiny", Some("q6"), &Setting::default(), false).unwrap_err();
    assert!(matches!(error, Error::UnknownModel { name, .. } if name == "tiny@q6"));
}

#[test]
fn a_setting_that_names_what_is_not_declared_is_refused_with_its_origin() {
    let catalog = read(TINY);
    let check = |catalog: &Catalog, text: &str| {
        let setting = Setting { value: text.parse().unwrap(), origin: Origin::Flag("--variant") };
        catalog.check_variants(&setting).map_err(|error| error.to_string())
    };
    for fine in ["", "mini", "q5", "full", "tiny=full", "tiny=mini,plain=mini", "openai-whisper/tiny=full"] {
        assert_eq!(check(&catalog, fine), Ok(()), "{fine}");
    }
    for (text, expected) in [
        ("mni", "no model has a variant `mni`: did you mean `mini`?"),
        ("other", "no model has a variant `other`: there is `mini`, `q5`"),
        ("tiny=q4", "the model `tiny` has no variant `q4`: did you mean `q5`?"),
        ("plain=q5", "the model `plain` has no variant `q5`: there is `mini`"),
        ("tny=q5", "no model is named `tny`: did you mean `tiny`?"),
        ("openai-whisper/tiny=mini", "no model is named `openai-whisper/tiny`: there is `plain`, `tiny`"),
    ] {
        assert_eq!(check(&catalog, text), Err(format!("--variant: {expected}")));
    }
    // Set for several projects, of which this one has no variants.
    let none = read("[models.a]\npath = 'x'");
    assert_eq!(check(&none, "mini"), Ok(()));
    assert_eq!(check(&none, "a=mini"), Err("--variant: the model `a` has no variant `mini`: it has none".to_owned()));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let model = "[models.a]\npath = 'x'\n";
    let word = "is no word of letters, digits, `.`, `_` and `-`, or is `full`, which means the model itself";
    for (text, expected) in [
        (
            "[models.a.variants.b]".to_owned(),
            "3:20: exactly one of `hub`, `urls`, `path` and `builtin` is needed in [models.a.variants.b], found none".to_owned(),
        ),
        (
            "[models.a.variants.b]\npath = 'y'\n[models.a.variants.b.variants.c]\npath = 'z'".into(),
            "5:22: `variants` in [models.a.variants.b]: a variant has no variants of its own".into(),
        ),
        (
            "[models.a.variants.c]\npath = 'y'\non = 'ci'\n[models.a.variants.b]\npath = 'y'\non = 'ci'".into(),
            "8:6: `on` in [models.a.variants.b]: `a@c` is taken on CI already".into(),
        ),
        (
            "[models.a.variants.b]\npath = 'y'\non = 'CI'".into(),
            "5:6: `on` in [models.a.variants.b]: expected `ci`, found `CI`".into(),
        ),
        ("[models.a.variants.'b c']\npath = 'y'".into(), format!("3:20: the variant `b c` {word}")),
        ("[models.a.variants.'é']\npath = 'y'".into(), format!("3:20: the variant `é` {word}")),
        ("[models.a.variants.'..']\npath = 'y'".into(), format!("3:20: the variant `..` {word}")),
        ("[models.a.variants.full]\npath = 'y'".into(), format!("3:20: the variant `full` {word}")),
        (
            "[models.'b@c']\npath = 'y'".into(),
            "3:9: the model name `b@c` has an `@`, which stands before a variant\nhint: declare it in [models.b.variants.c]".into(),
        ),
        ("[models.a.variants]\nb = 'y'".into(), "4:1: `b` in [models.a.variants] must be a table, found a string".into()),
        (
            "[models.a.variants.b]\npath = 'y'\nstand-in = true".into(),
            "5:1: unknown key `stand-in` in [models.a.variants.b]\nhint: did you mean `stand_in`?".into(),
        ),
        (
            "[models.a.variants.b]\npath = 'y'\nfallback = 'a@c'".into(),
            "5:12: the fallback `a@c` is not declared\nhint: did you mean `a@b`?".into(),
        ),
        (
            "[models.b]\npath = 'y'\nfallback = 'b@c'\n[models.b.variants.c]\npath = 'z'\nfallback = 'b'".into(),
            "5:12: the fallbacks lead in a circle: `b` -> `b@c` -> `b`".into(),
        ),
    ] {
        assert_eq!(refused(&format!("{model}{text}")), expected);
    }
}
