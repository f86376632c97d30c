//! What is no manifest, and who may send none.

use http::Request;
use waspect_abi::manifest::Function;

use super::support::{Running, figure, get, gzip, send};
use super::{BUILD, OTHER, manifest, put};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_manifest_is_refused_with_a_remedy_and_changes_nothing() {
    let running = Running::start("").await;
    let good = manifest().encode_bytes();
    let with = |change: &dyn Fn(&mut waspect_abi::Manifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        manifest.encode_bytes()
    };
    let twice = with(&|manifest| manifest.functions[1].index = 2);
    let bomb = gzip(&vec![0; 64 << 20]);
    for (build, body, status, why) in [
        ("nonsense", good.clone(), 400, "sixteen hexadecimal digits"),
        ("0123456789ABCDEG", good.clone(), 400, "sixteen hexadecimal digits"),
        ("%00%1b[31m", good.clone(), 400, "sixteen hexadecimal digits"),
        (OTHER, good.clone(), 409, "build 0123456789abcdef; send it to /api/manifests/0123456789abcdef"),
        (BUILD, Vec::new(), 400, "waspect instrument --manifest sidecar"),
        (BUILD, b"\0asm\x01\0\0\0".to_vec(), 415, "waspect manifest push"),
        (BUILD, b"<script>".to_vec(), 400, "instrument the original module again"),
        (BUILD, twice, 400, "not in ascending order"),
        (BUILD, with(&|manifest| manifest.abi = 7), 400, "manifest of ABI 7"),
        (
            BUILD,
            with(&|manifest| manifest.functions[0].name = "x".repeat(5000)),
            400,
            "a name, family or path is too long",
        ),
        (
            BUILD,
            with(&|manifest| manifest.function_count = 3),
            400,
            "more functions than an engine takes, or one beyond them",
        ),
        (BUILD, vec![0x32; (16 << 20) + 1], 413, "longer than 16777216 bytes"),
        (BUILD, [0x42, 0].repeat(1_000_001), 413, "at most 1000000 are taken"),
        (BUILD, bomb, 400, "cannot be trusted"),
    ] {
        let answer = put(&running, build, body).await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status.as_u16(), said.contains(why)), (status, true), "{build}: {why}: {said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    // A bomb that says what it is.
    let request = Request::put(format!("/api/manifests/{BUILD}")).header("content-encoding", "gzip");
    assert_eq!(send(running.http(), request, gzip(&vec![0; 64 << 20]).into()).await.status, 413);
    assert_eq!(&get(running.query(), "/api/manifests", &[]).await.body[..], br#"{"data":[]}"#);
    for (path, status) in [(format!("/api/manifests/{BUILD}"), 404), ("/api/manifests/x".to_owned(), 400)] {
        assert_eq!(get(running.query(), &path, &[]).await.status, status, "{path}");
    }
    // The longest names that are allowed, whatever is in them.
    let name = format!("<img src=x onerror=alert(1)>\u{1b}]0;x\u{7}\u{202e}{}", "x".repeat(4000));
    let hostile = with(&|manifest| {
        manifest.functions =
            (0..100).map(|index| Function { index, name: name.clone(), ..Function::default() }).collect();
        manifest.function_count = 100;
    });
    let request = Request::put(format!("/api/manifests/{BUILD}")).header("content-encoding", "gzip");
    assert_eq!(send(running.http(), request, gzip(&hostile).into()).await.status, 201);
    assert_eq!(put(&running, BUILD, good).await.status, 204, "good clients are still served");
    assert_eq!(figure(&running, "waspect_collector_accepted_total{waspect_signal=\"manifests\"}").await, 2);
    assert_eq!(figure(&running, "waspect_collector_refused_total{waspect_drop_reason=\"malformed\"}").await, 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_are_guarded_as_all_else_that_is_sent() {
    let running = Running::start(
        "receivers: {otlp: {protocols: {http: {auth: {authenticator: bearertokenauth}}}}}\n\
         extensions: {bearertokenauth: {token: right}}\n",
    )
    .await;
    for (token, status) in [(None, 401), (Some("Bearer wrong"), 401), (Some("Bearer right"), 201)] {
        let request = Request::put(format!("/api/manifests/{BUILD}"));
        let request = token.into_iter().fold(request, |request, token| request.header("authorization", token));
        assert_eq!(send(running.http(), request, manifest().encode_bytes().into()).await.status, status, "{token:?}");
    }
    let open = Running::start("").await;
    let request = Request::put(format!("/api/manifests/{BUILD}")).header("host", "evil.example");
    assert_eq!(send(open.http(), request, manifest().encode_bytes().into()).await.status, 403);
    // No page may send one: none is told that it could.
    let page = Running::start("receivers: {otlp: {protocols: {http: {cors: {allowed_origins: [\"*\"]}}}}}\n").await;
    let request = Request::options(format!("/api/manifests/{BUILD}"))
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "PUT");
    let answer = send(page.http(), request, Default::default()).await;
    assert_eq!(answer.headers["access-control-allow-methods"], "POST", "{answer:?}");
    let request = Request::put(format!("/api/manifests/{BUILD}")).header("origin", "https://shop.example");
    assert_eq!(send(page.http(), request, manifest().encode_bytes().into()).await.status, 403);
    // Nor does the token of one do, which all of its readers know.
    let pages = Running::start(
        "receivers: {otlp: {protocols: {http: {auth: {authenticator: [bearertokenauth, bearertokenauth/pages]}}}}}\n\
         extensions:\n  bearertokenauth: {token: right}\n  \
         bearertokenauth/pages: {token: public, allowed_origins: [https://shop.example]}\n",
    )
    .await;
    for (token, status) in [("public", 403), ("right", 201)] {
        let request = Request::put(format!("/api/manifests/{BUILD}"))
            .header("origin", "https://shop.example")
            .header("authorization", format!("Bearer {token}"));
        assert_eq!(send(pages.http(), request, manifest().encode_bytes().into()).await.status, status, "{token}");
    }
}
