//! What `#[cached_model("NAME", restore = …)]` expands to, for the model and mode that the arguments name: it prints the
//! model's folder, then its variables, then writes to each of its files if the mode is `private`.

use std::io::Write as _;

use cache_harness::__private::{Options, Request, Restore, prepare};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name: &'static str = arguments.next().unwrap_or_default().leak();
    let mode = arguments.next().unwrap_or_default();
    let restore = match mode.as_str() {
        "private" => Restore::Private,
        "copy" => Restore::Copy,
        _ => Restore::Auto,
    };
    let request: &'static Request = Box::leak(Box::new(Request {
        models: Vec::leak(vec![name]),
        manifest_dir: env!("CARGO_MANIFEST_DIR"),
        module: module_path!(),
        test: "main",
        file: file!(),
        line: line!(),
        options: Options { restore, ..Options::DEFAULT },
    }));
    let Some([model]) = prepare::<1>(request) else { return };
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "{}", model.path().display());
    for (variable, value) in model.envs() {
        let _ = writeln!(stdout, "{variable}={}", value.display());
    }
    for file in model.files().iter().filter(|_| mode == "private") {
        let written =
            std::fs::OpenOptions::new().append(true).open(&file.path).and_then(|mut file| file.write_all(b"!"));
        let _ = writeln!(stdout, "{} {:?} {}", file.name, written.map_err(|error| error.kind()), file.path.display());
    }
}
