use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn host(folder: Option<&std::path::Path>, connections: usize) -> Host {
    let url = Url::parse("https://models.example/some/file").unwrap();
    Hosts::new(folder.map(Into::into), connections).of(&url)
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let name = |path: PathBuf| path.extension().unwrap().to_string_lossy().into_owned();
    crate::fs::list(folder).unwrap().into_iter().map(name).collect()
}

/// A server that answers each request on a connection of its own with this head, and counts them.
fn server(head: &'static str) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 2048]).unwrap();
            asked.fetch_add(1, Ordering::Relaxed);
            write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    (url, count)
}

/// Asks as one of several processes would.
async fn ask(folder: &std::path::Path, url: &Url, longest: Duration) -> Result<u16, Duration> {
    let host = Hosts::new(Some(folder.to_owned()), 4).of(url);
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth(),
        )
        .no_proxy()
        .build()
        .unwrap();
    let answer = host.ask(longest, || {}, || client.get(url.clone()).send()).await?;
    Ok(answer.unwrap().status().as_u16())
}

#[test]
fn connections_are_counted_across_processes_and_freed_with_their_guard() {
    let folder = tempfile::tempdir().unwrap();
    // Two that share nothing but the folder.
    let (one, other) = (host(Some(folder.path()), 2), host(Some(folder.path()), 2));
    wait_for(async {
        let first = one.connection(|| {}).await;
        let second = other.further_connection().unwrap();
        assert!(one.further_connection().is_none());
        assert_eq!(files(folder.path()), ["0", "1"]);
        drop(first);
        let third = one.further_connection().unwrap();
        assert!(other.further_connection().is_none());
        drop((second, third));
    });
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn whoever_has_a_connection_yields_to_one_who_waits_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (host(Some(folder.path()), 1), host(Some(folder.path()), 1));
    wait_for(async {
        let held = one.connection(|| {}).await;
        let signs = std::cell::Cell::new(0);
        let mut waiting = pin!(other.connection(|| signs.set(signs.get() + 1)));
        assert!(tokio::time::timeout(SIGN_OF_LIFE * 2, waiting.as_mut()).await.is_err());
        drop(held);
        assert!(one.further_connection().is_none());
        drop(waiting.await);
        assert!(one.further_connection().is_some());
        assert!(signs.get() > 0);
    });
}

#[test]
fn the_limit_holds_within_a_process_where_the_folder_is_of_no_use() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for folder in [None, Some(file.path())] {
        let one = host(folder, 1);
        let other = one.clone();
        let held = one.further_connection().unwrap();
        assert!(other.further_connection().is_none());
        drop(held);
        assert!(other.further_connection().is_some());
    }
}

#[test]
fn a_pause_that_one_process_is_told_holds_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let (url, count) = server("429 Too Many Requests\r\nRetry-After: 60");
    wait_for(async {
        assert_eq!(ask(folder.path(), &url, Duration::ZERO).await, Ok(429));
        let pause = ask(folder.path(), &url, Duration::from_secs(30)).await.unwrap_err();
        assert!(pause > Duration::from_secs(30) && pause < Duration::from_secs(61), "{pause:?}");
    });
    assert_eq!(count.load(Ordering::Relaxed), 1);
    assert!(Hosts::new(Some(folder.path().to_owned()), 4).of(&url).further_connection().is_none());
}

#[test]
fn an_overload_pauses_only_if_it_says_for_how_long() {
    let folder = tempfile::tempdir().unwrap();
    let (busy, _) = server(
        "503 Service Unavailable\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT",
    );
    let (broken, _) = server("503 Service Unavailable");
    wait_for(async {
        for url in [&busy, &broken] {
            assert_eq!(ask(folder.path(), url, Duration::ZERO).await, Ok(503));
        }
        let pause = ask(folder.path(), &busy, Duration::ZERO).await.unwrap_err();
        assert!(pause > Duration::from_secs(20) && pause < Duration::from_secs(31), "{pause:?}");
        assert_eq!(ask(folder.path(), &broken, Duration::ZERO).await, Ok(503));
    });
}

#[test]
fn a_state_that_somebody_wrote_into_costs_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = server("200 OK");
    wait_for(async {
        assert_eq!(ask(folder.path(), &url, Duration::ZERO).await, Ok(200));
        let [state] = &crate::fs::list(folder.path()).unwrap()[..] else { panic!("not one file") };
        for content in [&b"\xff\xfe"[..], b"{", &vec![b'1'; 100_000], b""] {
            crate::fs::write_durable(state, content).unwrap();
            assert_eq!(ask(folder.path(), &url, Duration::ZERO).await, Ok(200));
        }
    });
    assert_eq!(files(folder.path()), ["state"]);
}

#[test]
fn files_of_hosts_that_nobody_asks_any_more_go() {
    let folder = tempfile::tempdir().unwrap();
    for (name, days) in [("old-1.state", 31), ("new-1.state", 29)] {
        let file = crate::fs::open_or_create(&folder.path().join(name)).unwrap();
        crate::fs::touch(&file, time::now() - Duration::from_secs(days * 24 * 3600)).unwrap();
    }
    let _ = Hosts::new(Some(folder.path().to_owned()), 1);
    let left = crate::fs::list(folder.path()).unwrap();
    assert_eq!(left, [folder.path().join("new-1.state")]);
}

#[test]
fn a_key_is_a_file_name_and_tells_ports_and_schemes_apart() {
    let key = |url: &str| key(&Url::parse(url).unwrap());
    assert_eq!(key("https://a.example/x"), key("https://user@a.example:443/y"));
    assert_ne!(key("https://a.example"), key("http://a.example:443"));
    assert_ne!(key("https://a.example"), key("https://a.example:444"));
    assert!(key("https://a.example").starts_with("a.example-"));
    assert!(!key("http://[::1]:80").contains([':', '/', '[']));
}
