//! Fifty tests that need the same model: a suite for others to run. `it::one_download` counts what it fetches when
//! nextest runs it, each test in a process of its own.

use std::fs::File;

use cache_harness::{CachedModel, Sha256Digest, cached_model};

macro_rules! tests {
    ($($name:ident)*) => {$(
        #[cached_model("minilm")]
        #[test]
        fn $name(model: CachedModel) {
            check(&model);
        }
    )*};
}

tests! {
    t00 t01 t02 t03 t04 t05 t06 t07 t08 t09 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19 t20 t21 t22 t23 t24
    t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39 t40 t41 t42 t43 t44 t45 t46 t47 t48 t49
}

fn check(model: &CachedModel) {
    assert!(!model.files().is_empty());
    for file in model.files() {
        let (digest, _) = Sha256Digest::of_reader(File::open(&file.path).unwrap()).unwrap();
        assert_eq!(digest, file.sha256, "{}", file.path.display());
    }
}
