//! Where bytes are asked for, in which order, and what each source is shown.

use cache_harness::testkit::{Body, Fault, Received, Server};

use crate::pinned::{COMMIT, Pinned, project};
use crate::project::Project;

const TOKEN: &str = "hf_this_is_the_token";

fn weights() -> Pinned {
    Pinned::weights("m", 1, 1_000)
}

/// `[cache] mirrors` with these templates.
fn mirrors(templates: &[String]) -> String {
    format!("[cache]\nmirrors = {templates:?}\n")
}

/// A mirror by content.
fn by_content(server: &Server) -> String {
    format!("{}/cas/{{prefix}}/{{sha256}}", server.url())
}

/// Where such a mirror has the model's one file.
fn content_path(model: &Pinned) -> String {
    let digest = model.digest(0);
    format!("/cas/{}/{digest}", &digest[..2])
}

fn paths(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.path.clone()).collect()
}

/// The server's address under a name that is not this machine's; on Linux it leads here all the same.
fn from_afar(server: &Server) -> String {
    server.url().replace("127.0.0.1", "0.0.0.0")
}

/// A model `m` of one address and these lines more.
fn of_url(url: &str, digest: &str, more: &str) -> String {
    format!("[models.m]\nurls = [\"{url}/m.bin\"]\nsha256 = \"{digest}\"\n{more}\n")
}

fn digest_of(bytes: &'static [u8]) -> String {
    Body::from(bytes).digest().unwrap().to_string()
}

#[test]
fn mirrors_are_asked_in_their_order_before_the_hub_and_only_the_hub_is_shown_the_token() {
    let [hub, first, second] = [(); 3].map(|()| Server::start().unwrap());
    let model = weights();
    let mut project = project(&mirrors(&[by_content(&first), by_content(&second)]), &[&model], &hub);
    project.set("HF_TOKEN", TOKEN);
    project.run(&["--verbose", "restore", "m"]).succeeded();
    let content = content_path(&model);
    assert_eq!((paths(&first), paths(&second)), (vec![content.clone()], vec![content.clone()]));
    let shown = |server: &Server| server.requests()[0].header("Authorization").map(str::to_owned);
    assert_eq!((shown(&first), shown(&second), shown(&hub)), (None, None, Some(format!("Bearer {TOKEN}"))));

    second.put(&content, model.files[0].1.clone());
    for server in [&hub, &first, &second] {
        server.clear_log();
    }
    std::fs::remove_dir_all(project.home().join(".cache")).unwrap();
    project.run(&["restore", "m"]).succeeded();
    let requests = [&first, &second, &hub].map(|server| server.requests().len());
    assert_eq!(requests, [1, 1, 0]);
}

#[test]
fn a_mirror_without_the_file_costs_one_request_and_no_word() {
    let (hub, mirror) = (Server::start().unwrap(), Server::start().unwrap());
    let model = weights();
    let project = project(&mirrors(&[by_content(&mirror)]), &[&model], &hub);
    let ended = project.run(&["restore", "m"]).succeeded();
    assert_eq!((mirror.requests().len(), hub.requests().len()), (1, 1));
    assert!(!ended.stderr.contains(&mirror.url()), "{}", ended.stderr);
}

#[test]
fn when_nobody_has_the_file_the_mirror_is_told_and_the_hint_is_of_the_hub() {
    let (hub, mirror) = (Server::start().unwrap(), Server::start().unwrap());
    let model = weights();
    let project = project(&mirrors(&[by_content(&mirror)]), &[&model], &hub);
    let address = model.address("model.safetensors");
    hub.fault(&address, Fault::Status { code: 404, retry_after: None, times: Fault::ALWAYS });
    let ended = project.run(&["restore", "m"]);
    let expected = format!(
        "error: no source of `model.safetensors` of model `m` gave its bytes:\n  \
         - the mirror does not have {}{}\n  \
         - {}{address} answered 404\n\
         hint: the file or its commit may be gone upstream, or private: check the pin, or set HF_TOKEN\n",
        mirror.url(),
        content_path(&model),
        hub.url()
    );
    assert!(ended.code == Some(1) && ended.stderr.ends_with(&expected), "{}", ended.stderr);
}

#[test]
fn a_mirror_with_wrong_bytes_is_named_and_the_next_source_is_used() {
    let (hub, mirror) = (Server::start().unwrap(), Server::start().unwrap());
    let model = weights();
    let project = project(&mirrors(&[by_content(&mirror)]), &[&model], &hub);
    mirror.put(&content_path(&model), Body::Generated { seed: 2, size: 1_000 });
    let ended = project.run(&["restore", "m"]).succeeded();
    let named = format!("from {}{} has sha256 ", mirror.url(), content_path(&model));
    assert!(ended.stderr.contains(&named), "{}", ended.stderr);
    assert_eq!(hub.requests().len(), 1);
    let stored = Body::from(std::fs::read(project.blob(&model.digest(0))).unwrap());
    assert_eq!(stored.digest().unwrap().to_string(), model.digest(0));
}

#[test]
fn where_a_mirror_breaks_off_the_hub_goes_on() {
    let (hub, mirror) = (Server::start().unwrap(), Server::start().unwrap());
    let model = Pinned::weights("m", 1, 1_000_000);
    let project = project(&mirrors(&[by_content(&mirror)]), &[&model], &hub);
    let content = content_path(&model);
    mirror.put(&content, model.files[0].1.clone());
    mirror.fault(&content, Fault::CutAt { byte: 600_000, times: 1 });
    mirror.fault(&content, Fault::Status { code: 404, retry_after: None, times: Fault::ALWAYS });
    project.run(&["restore", "m"]).succeeded();
    let sent = |server: &Server| server.requests().iter().map(|request| request.bytes_sent).sum::<u64>();
    let (by_mirror, by_hub) = (sent(&mirror), sent(&hub));
    assert!(by_hub > 0 && by_mirror + by_hub < 1_100_000, "{by_mirror} {by_hub} {:?}", hub.requests());
}

#[test]
fn a_large_file_with_one_wrong_byte_on_a_mirror_comes_right_and_the_mirror_is_named() {
    let (hub, mirror) = (Server::start().unwrap(), Server::start().unwrap());
    let model = Pinned::weights("m", 1, 40_000_000);
    let project = project(&mirrors(&[by_content(&mirror)]), &[&model], &hub);
    let content = content_path(&model);
    mirror.put(&content, model.files[0].1.clone());
    mirror.fault(&content, Fault::WrongByte { at: 1_000, times: Fault::ALWAYS });
    let ended = project.run(&["restore", "m"]).succeeded();
    assert!(ended.stderr.contains(&format!("from {}{content} has sha256 ", mirror.url())), "{}", ended.stderr);
    assert!(!hub.requests().is_empty());
}

#[test]
fn a_mirror_shaped_as_the_hub_serves_its_models_and_is_skipped_for_others() {
    let (hub, mirror) = (Server::start().unwrap(), Server::start().unwrap());
    let model = weights();
    let shaped = format!("{}/hub/{{repo}}/resolve/{{commit}}/{{path}}", mirror.url());
    let other = of_url(&hub.url(), &digest_of(b"weights"), "").replace("models.m", "models.other");
    let project = project(&(mirrors(&[shaped]) + &other), &[&model], &hub);
    hub.put("/m.bin", b"weights");
    let address = format!("/hub/owner/m/resolve/{COMMIT}/model.safetensors");
    mirror.put(&address, model.files[0].1.clone());
    project.run(&["restore", "m", "other"]).succeeded();
    assert_eq!((paths(&mirror), paths(&hub)), (vec![address], vec!["/m.bin".to_owned()]));
}

#[test]
fn what_is_here_is_asked_of_no_mirror_and_offline_asks_none() {
    let mirror = Server::start().unwrap();
    let model = weights();
    let settings = mirrors(&[by_content(&mirror)]) + "[models.here]\npath = \"here.bin\"\n";
    let project = project(&settings, &[&model], &Server::start().unwrap());
    project.write("here.bin", "here");
    project.run(&["lock", "here"]).succeeded();
    project.run(&["restore", "here"]).succeeded();
    let ended = project.run(&["--offline", "restore", "m"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("cannot be had offline"), "{ended:?}");
    assert_eq!(paths(&mirror), Vec::<String>::new());
}

#[test]
fn mirrors_can_be_a_variable_and_pinning_asks_them_too() {
    let (origin, mirror) = (Server::start().unwrap(), Server::start().unwrap());
    let digest = digest_of(b"weights");
    let mut project = Project::new(&of_url(&origin.url(), &digest, ""));
    mirror.put(&format!("/{digest}"), b"weights");
    project.set("CACHE_HARNESS_MIRRORS", format!("{}/{{sha256}}", mirror.url()));
    project.run(&["lock", "m"]).succeeded();
    project.run(&["restore", "m"]).succeeded();
    assert_eq!((mirror.requests().len(), origin.requests().len()), (1, 0));
    let origins = project.run(&["status", "--origins"]).succeeded().stdout;
    let line = origins.lines().find(|line| line.trim_start().starts_with("mirrors ")).unwrap();
    assert!(line.contains("/{sha256}") && line.ends_with("CACHE_HARNESS_MIRRORS"), "{origins}");
}

#[test]
fn a_wrong_template_is_told_with_its_place() {
    let project =
        Project::new("[cache]\nmirrors = [\n  \"https://a.example/{sha256}\",\n  \"https://b.example/{sah256}\",\n]\n");
    let ended = project.run(&["status"]);
    let expected = "cache-harness.toml:4:3: `mirrors` in [cache]: `https://b.example/{sah256}` cannot be used: \
                    `{sah256}` is no placeholder: did you mean `{sha256}`?\n";
    assert!(ended.code == Some(2) && ended.stderr.ends_with(expected), "{ended:?}");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "0.0.0.0 leads to this machine on Linux only")]
fn plain_http_to_another_machine_takes_an_opt_in_and_shows_no_token() {
    let server = Server::start().unwrap();
    server.put("/m.bin", b"weights");
    let digest = digest_of(b"weights");
    let mut project = Project::new(&of_url(&from_afar(&server), &digest, ""));
    project.set("HF_TOKEN", TOKEN);
    let ended = project.run(&["restore", "m"]);
    assert!(
        ended.code == Some(2) && ended.stderr.contains("cache-harness.toml:2:9: `urls` in [models.m]"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("`insecure_http = true` in [models.m] allows it"), "{ended:?}");
    assert_eq!(server.requests(), []);

    project.write("cache-harness.toml", &of_url(&from_afar(&server), &digest, "insecure_http = true"));
    project.run(&["restore", "m"]).succeeded();
    let requests = server.requests();
    assert_eq!((requests.len(), requests[0].header("Authorization")), (1, None));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "0.0.0.0 leads to this machine on Linux only")]
fn plain_http_is_nothing_to_pin_from() {
    let server = Server::start().unwrap();
    server.put("/m.bin", b"weights");
    let project =
        Project::new(&format!("[models.m]\nurls = [\"{}/m.bin\"]\ninsecure_http = true\n", from_afar(&server)));
    let ended = project.run(&["lock", "m"]);
    let expected =
        "m.bin is refused: whoever is on the way could choose what gets pinned: write its `sha256` into the catalog";
    assert!(ended.code == Some(1) && ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(server.requests(), []);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "0.0.0.0 leads to this machine on Linux only")]
fn a_redirect_to_plain_http_elsewhere_is_followed_only_by_opt_in() {
    let server = Server::start().unwrap();
    server.put("/other.bin", b"weights");
    server.fault("/m.bin", Fault::RedirectTo(format!("{}/other.bin", from_afar(&server))));
    let digest = digest_of(b"weights");
    let project = Project::new(&of_url(&server.url(), &digest, ""));
    let ended = project.run(&["restore", "m"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("plain http is allowed only to this machine"), "{ended:?}");
    assert_eq!(paths(&server), ["/m.bin"]);
    project.write("cache-harness.toml", &of_url(&server.url(), &digest, "insecure_http = true"));
    project.run(&["restore", "m"]).succeeded();
}

#[test]
fn the_hub_may_be_below_a_path_with_or_without_a_slash_at_its_end() {
    for suffix in ["", "/", "//", "/hub", "/hub/", "/a/hub//"] {
        let server = Server::start().unwrap();
        let model = weights();
        let mut project = project("", &[&model], &server);
        project.set("HF_ENDPOINT", format!("{}{suffix}", server.url()));
        project.set("HF_TOKEN", TOKEN);
        let address = format!("{}{}", suffix.trim_end_matches('/'), model.address("model.safetensors"));
        server.put(&address, model.files[0].1.clone());
        project.run(&["restore", "m"]).succeeded();
        let shown = |request: &Received| request.header("Authorization").map(str::to_owned);
        let requests: Vec<_> = server.requests().iter().map(|request| (request.path.clone(), shown(request))).collect();
        assert_eq!(requests, [(address, Some(format!("Bearer {TOKEN}")))], "{suffix}");
    }
}

#[test]
fn a_refusal_by_the_hub_says_what_to_do_about_the_token_and_one_by_others_does_not_name_it() {
    let server = Server::start().unwrap();
    let model = weights();
    let mut project = project(
        &of_url(&server.url(), &digest_of(b"weights"), "").replace("models.m", "models.other"),
        &[&model],
        &server,
    );
    let refusal = |code| Fault::Status { code, retry_after: None, times: Fault::ALWAYS };
    let hint = |project: &Project, model: &str, path: &str, code| {
        server.clear_faults(path);
        server.fault(path, refusal(code));
        let stderr = project.run(&["restore", model]).stderr;
        stderr.rsplit_once("hint: ").unwrap_or_else(|| panic!("{stderr}")).1.trim_end().to_owned()
    };
    let address = model.address("model.safetensors");
    assert_eq!(
        hint(&project, "m", &address, 401),
        "the file may be gated or private: set HF_TOKEN to a token that may read it"
    );
    assert_eq!(hint(&project, "other", "/m.bin", 403), "no token is sent to this host: use an address that needs none");
    assert_eq!(hint(&project, "other", "/m.bin", 404), "the file may be gone upstream: check the address");
    project.set("HF_TOKEN", TOKEN);
    let expected = "the token (HF_TOKEN, or the file `token` in HF_HOME) may not read it: ask for access on the repository's page, or use another token";
    assert_eq!(hint(&project, "m", &address, 403), expected);
    // A storage that the Hub redirects to is not the Hub.
    let storage = Server::start().unwrap();
    storage.fault("/blob", refusal(403));
    server.clear_faults(&address);
    server.fault(&address, Fault::RedirectTo(format!("{}/blob", storage.url())));
    let stderr = project.run(&["restore", "m"]).stderr;
    assert!(stderr.ends_with("hint: no token is sent to this host: use an address that needs none\n"), "{stderr}");
}
