//! What we are compared with, as processes: `peer hf-hub fetch|local …`, `peer cacache …`.

use std::error::Error;
use std::io::{Read as _, Write as _};

type Outcome = Result<(), Box<dyn Error>>;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["hf-hub", "fetch", folder, endpoint] => hf_hub(folder, endpoint, false),
        ["hf-hub", "local", folder] => hf_hub(folder, "http://127.0.0.1:9", true),
        ["cacache", folder, url, integrity] => cacache(folder, url, integrity),
        _ => {
            Err("usage: peer hf-hub fetch FOLDER ENDPOINT | hf-hub local FOLDER | cacache FOLDER URL INTEGRITY".into())
        }
    }
}

/// The file's digest is not compared with anything: hf-hub has no check for files that are not in Xet.
fn hf_hub(folder: &str, endpoint: &str, local: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = hf_hub::HFClient::builder().cache_dir(folder).endpoint(endpoint).build()?;
        let model = client.model("bench", "big");
        let file = model.download_file().filename("big.bin").revision(COMMIT);
        file.local_files_only(local).send().await?;
        Ok(())
    })
}

/// A download streamed into its content-addressed store, which hashes on the way and compares at the end.
fn cacache(folder: &str, url: &str, integrity: &str) -> Outcome {
    let mut response = ureq::get(url).call()?;
    let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
    let options = cacache::WriteOpts::new().integrity(integrity.parse()?);
    let mut writer = options.algorithm(cacache::Algorithm::Sha256).open_sync(folder, "big")?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match body.read(&mut buffer)? {
            0 => break,
            count => writer.write_all(&buffer[..count])?,
        }
    }
    writer.commit()?;
    Ok(())
}
