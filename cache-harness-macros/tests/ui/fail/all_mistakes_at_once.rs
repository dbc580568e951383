use cache_harness_macros::cached_model;

struct CachedModel;

#[cached_model("whisper-tny", "unpinned", verify = "never", verbose = true, 3)]
#[test]
#[tokio::test]
#[should_panic]
const fn everything(_model: String) {}

// The function is still there, so nothing is said about its users.
#[cached_model("unknown")]
#[test]
fn helper(model: CachedModel) -> u8 {
    let CachedModel = model;
    7
}

const _: fn(CachedModel) -> u8 = helper;

fn main() {}
