//! Servers that do not give the pinned bytes: what each comes to, told with exit code 1 and nothing left behind.

use cache_harness::testkit::{Body, Fault, Server, generated};

use crate::pinned::{COMMIT, Pinned, project};
use crate::project::{Ended, Project};

/// A project whose one model `m` has one file of 1,000 bytes.
fn one_model(server: &Server) -> (Project, Pinned) {
    let model = Pinned::weights("m", 1, 1_000);
    (project("", &[&model], server), model)
}

/// That `restore m` failed and left neither a file in place nor a blob nor a partial; gives its last words after
/// `error: `, the address of the file being `URL`.
#[track_caller]
fn told(project: &Project, server: &Server, model: &Pinned, ended: &Ended) -> String {
    let address = format!("{}{}", server.url(), model.address("model.safetensors"));
    let stderr = ended.stderr.replace(&address, "URL");
    assert!(ended.code == Some(1) && !stderr.contains("panicked"), "{ended:?}");
    assert!(!project.snapshot("m").exists() && !project.blob(&model.digest(0)).exists(), "{stderr}");
    assert_eq!(project.cache().join("v1/partial").read_dir().unwrap().count(), 0, "{stderr}");
    let words = stderr.rsplit_once("error: ").map_or(stderr.as_str(), |(_, words)| words);
    let source = words.strip_prefix("no source of `model.safetensors` of model `m` gave its bytes: ");
    source.unwrap_or_else(|| panic!("{stderr}")).trim_end().to_owned()
}

#[test]
fn an_answer_that_is_not_the_file_is_told_and_asked_for_once() {
    let always = Fault::ALWAYS;
    let status = |code| Fault::Status { code, retry_after: None, times: always };
    let of_bytes = |count| {
        format!(
            "`model.safetensors` from URL has {count} bytes, but 1000 are pinned\n\
             hint: if the file was meant to change, run `cache-harness lock` and review the new pin"
        )
    };
    let plain_http =
        "is refused: plain http is allowed only to this machine (127.0.0.0/8, [::1], localhost): use https";
    for (fault, expected, requests) in [
        (
            status(404),
            "URL answered 404\n\
             hint: the file or its commit may be gone upstream, or private: check the pin, or set HF_TOKEN"
                .to_owned(),
            1,
        ),
        (
            status(403),
            "URL answered 403\nhint: the file may be gated or private: set HF_TOKEN to a token that may read it"
                .to_owned(),
            1,
        ),
        // A redirect that leads nowhere is no body.
        (status(302), "URL answered 302".to_owned(), 1),
        (status(204), "URL answered 204".to_owned(), 1),
        (Fault::HtmlOk, of_bytes(88), 1),
        (Fault::Empty, of_bytes(0), 1),
        (Fault::LengthLie(1), of_bytes(1_001), 1),
        (Fault::LengthLie(-1), of_bytes(999), 1),
        (
            Fault::RedirectTo(format!("/owner/m/resolve/{COMMIT}/model.safetensors")),
            "URL is refused: more than 10 redirects".to_owned(),
            11,
        ),
        (
            Fault::RedirectTo("http://a.example/x?signature=secret".to_owned()),
            format!("http://a.example/x {plain_http}"),
            1,
        ),
        (
            Fault::RedirectTo("file:///etc/passwd".to_owned()),
            "file:///etc/passwd is refused: `file` is not supported: use https".to_owned(),
            1,
        ),
    ] {
        let server = Server::start().unwrap();
        let (project, model) = one_model(&server);
        server.fault(&model.address("model.safetensors"), fault.clone());
        let ended = project.run(&["restore", "m"]);
        assert_eq!(told(&project, &server, &model, &ended), expected, "{fault:?}");
        assert_eq!(server.requests().len(), requests, "{fault:?}");
    }
}

#[test]
fn wrong_bytes_are_told_with_both_digests() {
    let server = Server::start().unwrap();
    let (project, model) = one_model(&server);
    let mut wrong = generated(1, 1_000);
    wrong[500] ^= 0xff;
    let actual = Body::from(wrong).digest().unwrap();
    server.fault(&model.address("model.safetensors"), Fault::WrongByte { at: 500, times: Fault::ALWAYS });
    let message = told(&project, &server, &model, &project.run(&["restore", "m"]));
    let expected = format!("`model.safetensors` from URL has sha256 {actual}, but {} is pinned\n", model.digest(0));
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn a_body_of_unknown_length_is_taken_up_to_the_pinned_size_and_no_further() {
    let server = Server::start().unwrap();
    let (project, model) = one_model(&server);
    let address = model.address("model.safetensors");
    server.fault(&address, Fault::Chunked);
    server.put(&address, Body::Generated { seed: 1, size: 50_000_000 });
    let message = told(&project, &server, &model, &project.run(&["restore", "m"]));
    assert!(message.contains("but 1000 are pinned"), "{message}");
    assert!(server.requests()[0].bytes_sent < 50_000_000, "{:?}", server.requests());
    model.serve(&server);
    project.run(&["restore", "m"]).succeeded();
}

#[test]
fn a_page_in_place_of_a_file_of_unpinned_size_is_caught_by_its_digest() {
    let server = Server::start().unwrap();
    let digest = Body::from(b"weights").digest().unwrap();
    let project = Project::new(&format!("[models.m]\nurls = [\"{}/m.bin\"]\nsha256 = \"{digest}\"\n", server.url()));
    server.put("/m.bin", b"weights");
    server.fault("/m.bin", Fault::HtmlOk);
    let ended = project.run(&["restore", "m"]);
    assert!(ended.code == Some(1) && ended.stderr.contains(&format!("but {digest} is pinned")), "{ended:?}");
    server.clear_faults("/m.bin");
    project.run(&["restore", "m"]).succeeded();
}

#[test]
fn what_may_pass_is_tried_again_and_counted() {
    let server = Server::start().unwrap();
    let (project, model) = one_model(&server);
    let address = model.address("model.safetensors");
    server.fault(&address, Fault::Status { code: 500, retry_after: None, times: 1 });
    server.fault(&address, Fault::CutAt { byte: 500, times: 1 });
    project.run(&["restore", "m"]).succeeded();
    assert_eq!((server.requests().len(), &project.json(&["report"])["retries"]), (3, &2.into()));
}

#[test]
fn a_server_that_stays_broken_is_given_up() {
    let server = Server::start().unwrap();
    let (project, model) = one_model(&server);
    let always = Fault::Status { code: 500, retry_after: None, times: Fault::ALWAYS };
    server.fault(&model.address("model.safetensors"), always);
    let ended = project.run(&["restore", "m"]);
    assert_eq!(told(&project, &server, &model, &ended), "URL answered 500");
    assert!((2..=10).contains(&server.requests().len()), "{:?}", server.requests());
}

#[test]
fn a_token_goes_to_the_hub_and_not_where_the_hub_redirects() {
    const TOKEN: &str = "hf_this_is_the_token";
    let (hub, storage) = (Server::start().unwrap(), Server::start().unwrap());
    let (mut project, model) = one_model(&hub);
    project.set("HF_TOKEN", TOKEN);
    storage.put("/blob", model.files[0].1.clone());
    hub.fault(
        &model.address("model.safetensors"),
        Fault::RedirectTo(format!("{}/blob?signature=secret", storage.url())),
    );
    let ended = project.run(&["--verbose", "restore", "m"]).succeeded();
    let shown = |server: &Server| {
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        requests[0].header("Authorization").map(str::to_owned)
    };
    assert_eq!((shown(&hub), shown(&storage)), (Some(format!("Bearer {TOKEN}")), None));
    let request = format!("{:?}", storage.requests());
    assert!(!request.contains(TOKEN) && !(ended.stdout + &ended.stderr).contains(TOKEN), "{request}");
    // Neither the token nor a signature is ever written down.
    let mut grep = project.program("grep");
    let found = grep.args(["-rlE", &format!("{TOKEN}|signature")]).arg(project.home()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn a_token_for_the_hub_is_not_shown_to_other_addresses_of_the_catalog() {
    let server = Server::start().unwrap();
    let digest = Body::from(b"weights").digest().unwrap();
    let mut project =
        Project::new(&format!("[models.m]\nurls = [\"{}/m.bin\"]\nsha256 = \"{digest}\"\n", server.url()));
    project.set("HF_TOKEN", "hf_this_is_the_token");
    server.put("/m.bin", b"weights");
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(server.requests()[0].header("Authorization"), None);
}
