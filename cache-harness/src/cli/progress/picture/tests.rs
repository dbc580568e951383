//! What a person sees, with moments and terminals that the tests give.

use std::time::Duration;

use super::*;
use crate::progress::Step;

const MODEL: &str = "openai-whisper/tiny.en";

/// Two files of one model in their third second, and a model that another process fetches.
fn several(start: Instant) -> (Tally, Instant) {
    let mut tally = Tally::default();
    let at = |seconds| start + Duration::from_secs(seconds);
    tally.fold(&Step::Lacks { model: MODEL, files: 2, bytes: Some(80_000_000) }, start);
    tally.fold(&Step::Begin { model: MODEL, file: "model.safetensors", bytes: Some(77_700_000), there: 0 }, start);
    tally.fold(&Step::Begin { model: MODEL, file: "onnx/a.onnx", bytes: Some(2_300_000), there: 2_000_000 }, start);
    for second in 1..=3 {
        tally.fold(&Step::Bytes { model: MODEL, file: "model.safetensors", done: second * 4_100_000 }, at(second));
        tally.fold(&Step::Bytes { model: MODEL, file: "onnx/a.onnx", done: 2_000_000 + second * 50_000 }, at(second));
    }
    let (waited, bytes) = (Duration::from_secs(3), Some(90_900_000));
    tally.fold(&Step::Waiting { model: "minilm", holder: "process 4711", waited, done: 12_300_000, bytes }, at(3));
    (tally, at(3))
}

fn drawn(tally: &Tally, now: Instant, columns: usize, rows: usize) -> String {
    picture(tally, now, Size { columns, rows }).join("\n")
}

#[test]
fn eighty_columns_show_everything() {
    let (tally, now) = several(Instant::now());
    assert_eq!(
        drawn(&tally, now, 80, 24),
        "openai-whi…safetensors  [=>        ]  12.3 MB of 77.7 MB  4.10 MB/s  eta 16 s\n\
         openai-whi…onnx/a.onnx  [=========>]  2.15 MB of 2.30 MB  50.0 kB/s  eta 3 s\n\
         minilm: waiting for process 4711 (12.3 MB of 90.9 MB so far)"
    );
}

#[test]
fn wide_terminals_show_whole_names_in_columns() {
    let (tally, now) = several(Instant::now());
    let drawn = drawn(&tally, now, 200, 24);
    let lines: Vec<_> = drawn.lines().collect();
    assert!(lines[0].starts_with("openai-whisper/tiny.en/model.safetensors  [=>  "), "{drawn}");
    assert!(lines[1].starts_with("openai-whisper/tiny.en/onnx/a.onnx        [===="), "{drawn}");
}

#[test]
fn narrow_terminals_show_what_matters_most() {
    let (tally, now) = several(Instant::now());
    assert_eq!(
        drawn(&tally, now, 60, 24),
        "openai-…etensors  12.3 MB of 77.7 MB  4.10 MB/s  eta 16 s\n\
         openai-…x/a.onnx  2.15 MB of 2.30 MB  50.0 kB/s  eta 3 s\n\
         minilm: waiting for process 4711, 13 %"
    );
    assert_eq!(
        drawn(&tally, now, 40, 24),
        "openai-w…etensors   15 %  eta 16 s\n\
         openai-w…x/a.onnx   93 %  eta 3 s\n\
         minilm: waiting for process 4711, 13 %"
    );
}

#[test]
fn no_line_reaches_the_last_column_and_no_frame_the_last_row() {
    let (mut tally, now) = several(Instant::now());
    for model in ["one", "two"] {
        tally.fold(&Step::Queued { model, bytes: Some(u64::MAX / 4) }, now);
    }
    for columns in 0..160 {
        for rows in 0..8 {
            let lines = picture(&tally, now, Size { columns, rows });
            assert!(lines.len() <= rows.saturating_sub(1), "{columns} x {rows}: {lines:?}");
            for line in lines {
                assert!(line.chars().count() <= columns.saturating_sub(1), "{columns} x {rows}: {line}");
            }
        }
    }
}

#[test]
fn more_files_than_rows_are_counted_and_the_total_stays() {
    let now = Instant::now();
    let mut tally = Tally::default();
    for model in ["a", "b", "c"] {
        tally.fold(&Step::Queued { model, bytes: Some(1_000_000_000) }, now);
    }
    tally.fold(&Step::Done { model: "a" }, now);
    for file in 0..30 {
        let name = format!("part-{file:02}.bin");
        tally.fold(&Step::Begin { model: "b", file: &name, bytes: Some(10_000_000), there: 0 }, now);
    }
    let later = now + Duration::from_secs(1);
    tally.fold(&Step::Bytes { model: "b", file: "part-00.bin", done: 2_000_000 }, later);
    assert_eq!(
        drawn(&tally, later, 80, 6),
        "b/part-00.bin  [==>       ]  2.00 MB of 10.0 MB  2.00 MB/s  eta 4 s\n\
         b/part-01.bin  [>         ]      0 B of 10.0 MB  0 B/s\n\
         b/part-02.bin  [>         ]      0 B of 10.0 MB  0 B/s\n\
         and 27 more\n\
         1 of 3 models, 1.00 GB of 3.00 GB, 2.00 MB/s, eta 17 min"
    );
}

#[test]
fn a_transfer_that_waits_for_its_server_says_until_when() {
    let now = Instant::now();
    let mut tally = Tally::default();
    let error = crate::Error::SourcesJustFailed { message: String::new() };
    let pause = Duration::from_secs(30);
    tally.fold(&Step::Begin { model: "b", file: "a.bin", bytes: Some(10_000_000), there: 5_000_000 }, now);
    tally.fold(&Step::Retry { model: "b", file: "a.bin", pause, error: &error }, now);
    let at = |seconds| now + Duration::from_secs(seconds);
    let line = "b/a.bin  [=====>    ]  5.00 MB of 10.0 MB  again in";
    assert_eq!(drawn(&tally, at(3), 80, 24), format!("{line} 27 s"));
    assert_eq!(drawn(&tally, at(33), 80, 24), format!("{line} 0 s"));
}

#[test]
fn a_file_of_unknown_size_shows_what_came() {
    let start = Instant::now();
    let later = start + Duration::from_secs(2);
    let mut tally = Tally::default();
    tally.fold(&Step::Begin { model: "b", file: "a.bin", bytes: None, there: 0 }, start);
    tally.fold(&Step::Bytes { model: "b", file: "a.bin", done: 5_000_000 }, later);
    assert_eq!(drawn(&tally, later, 80, 24), "b/a.bin                           5.00 MB  2.50 MB/s");
}

#[test]
fn names_are_cut_in_the_middle_by_characters() {
    assert_eq!(cut("model.safetensors", 17), "model.safetensors");
    assert_eq!(cut("model.safetensors", 9), "mode…sors");
    assert_eq!(cut("größe/großes-größtes", 10), "größ…ößtes");
    assert_eq!([cut("abc", 2), cut("abc", 1), cut("abc", 0)], ["…c", "…", ""]);
}
