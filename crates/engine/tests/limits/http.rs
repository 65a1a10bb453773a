//! Requests that the protocol or HTTP does not allow: the table "Bad HTTP".

use fanfare_engine::Cors;
use fanfare_testkit::{Http, Response};

use crate::Node;
use crate::node::{POLLING, is_refused};

/// HTTP-01, HTTP-24, SEC-05.
#[tokio::test]
async fn nothing_but_the_engine_is_to_be_found() {
    let mut node = Node::start().await;
    let long = format!("/{}", "a".repeat(4000));
    let paths = ["/", "/index.html", "/engine.io", "/engine.iox/", "/ENGINE.IO/", "//engine.io/", &long];
    let traversals = ["/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%00", "/%2e%2e/engine.io/", "/static/../x"];
    let internals = ["/metrics", "/admin", "/debug", "/debug/pprof", "/env", "/.env", "/health", "/ready", "/actuator"];
    for path in paths.iter().chain(&traversals).chain(&internals) {
        let response = node.get(&format!("{path}?EIO=4&transport=polling")).await;
        assert_eq!((response.status, response.text()), (404, ""), "{path}");
    }
    assert_eq!(node.count("fanfare_refused_requests_total", "not_found"), 21);
    node.is_well().await;
}

/// HTTP-02, HTTP-03.
#[tokio::test]
async fn an_unknown_transport_is_refused() {
    let mut node = Node::start().await;
    for query in [
        "",
        "?",
        "?EIO=4",
        "?EIO=4&transport",
        "?EIO=4&transport=",
        "?EIO=4&transport=foo",
        "?EIO=4&transport=__proto__",
        "?EIO=4&transport=constructor",
        "?EIO=4&transport=POLLING",
        "?EIO=4&transport=Websocket",
        "?EIO=4&transport=polling%00",
        "?EIO=4&transport=webtransport",
    ] {
        is_refused(&node.get(&format!("/engine.io/{query}")).await, 0, "Transport unknown");
    }
    assert_eq!(node.count("fanfare_refused_requests_total", "transport_unknown"), 12);
    node.is_well().await;
}

/// HTTP-04.
#[tokio::test]
async fn an_unknown_version_is_refused() {
    let mut node = Node::start().await;
    let digits = format!("EIO={}&", "4".repeat(400));
    for version in ["", "EIO=&", "EIO=3&", "EIO=5&", "EIO=4x&", "EIO=-1&", "EIO=04&", "EIO=4.0&", "EIO=+4&", &digits] {
        let response = node.get(&format!("/engine.io/?{version}transport=polling")).await;
        is_refused(&response, 5, "Unsupported protocol version");
    }
    assert_eq!(node.count("fanfare_refused_requests_total", "unsupported_protocol"), 10);
    node.is_well().await;
}

/// HTTP-05, SEC-04.
#[tokio::test]
async fn an_unknown_session_is_refused() {
    let mut node = Node::start().await;
    let long = "A".repeat(3000);
    let socket_id = "A".repeat(20);
    let sids =
        ["", "AAAAAAAAAAAAAAAAAAAAAAAA", &socket_id, "__proto__", &long, "%00", "%F0%9F%98%80", "..%2f..%2f", "*"];
    for sid in sids {
        let target = format!("{POLLING}&sid={sid}");
        is_refused(&node.get(&target).await, 1, "Session ID unknown");
        is_refused(&Http::post(node.address, &target, b"4x").await, 1, "Session ID unknown");
    }
    assert_eq!(node.count("fanfare_refused_requests_total", "session_unknown"), 18);
    node.is_well().await;
}

/// HTTP-06, HTTP-08.
#[tokio::test]
async fn only_get_opens_a_session() {
    let mut node = Node::start().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "FOO", "CONNECT", "OPTIONS"] {
        let secret = [("x-secret", "squirrel")];
        let response = Http::request(node.address, method, POLLING, &secret, b"").await;
        is_refused(&response, 2, "Bad handshake method");
    }
    // An answer to HEAD has a length and no body, so it cannot be read as others are.
    let mut head = Http::connect(node.address).await;
    head.send_request("HEAD", POLLING, &[("connection", "close")], b"").await;
    assert!(head.read_to_end().await.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(node.count("fanfare_refused_requests_total", "bad_handshake_method"), 9);
    node.is_well().await;
}

/// HTTP-08.
#[tokio::test]
async fn a_preflight_is_answered_where_cors_is_configured() {
    let mut node = Node::with(|engine| engine.cors(Cors::origins(["https://a.org"]))).await;
    let headers = [("origin", "https://a.org"), ("access-control-request-method", "POST")];
    let response = Http::request(node.address, "OPTIONS", POLLING, &headers, b"").await;
    assert_eq!(response.status, 204);
    assert_eq!(response.header("access-control-allow-origin"), Some("https://a.org"));
    node.is_well().await;
}

/// HTTP-07.
#[tokio::test]
async fn other_methods_are_refused_and_the_session_goes_on() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    for method in ["PUT", "DELETE", "PATCH", "FOO", "OPTIONS", "TRACE"] {
        let response = Http::request(node.address, method, &polling.target("polling"), &[], b"4x").await;
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, POST")), "{method}");
    }
    assert_eq!(polling.send(&["4still here"]).await.status, 200);
    assert_eq!(polling.packets().await, ["4still here"]);
    assert_eq!(node.count("fanfare_client_errors_total", "method"), 6);
    node.is_well().await;
}

/// HTTP-09, HTTP-10, HTTP-11, and the limits of request heads.
#[tokio::test]
async fn heads_are_bounded() {
    let mut node = Node::start().await;
    let target = format!("GET {POLLING}&x={} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000));
    let many = |count| format!("GET {POLLING} HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-y: z\r\n".repeat(count));
    let large = |bytes| format!("GET {POLLING} HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", "x".repeat(bytes));
    for head in [target, many(100), many(5000), large(16 << 10), large(1_000_000)] {
        let response = answer_and_close(&node, head.as_bytes()).await;
        assert!(matches!(response.status, 414 | 431), "{}", response.status);
    }
    // It is not waited for the rest of what is too large already.
    let response = answer_and_close(&node, &large(1_000_000).as_bytes()[..(16 << 10) + 1]).await;
    assert_eq!(response.status, 431);
    assert_eq!(node.count("fanfare_http_errors_total", "malformed"), 6);
    for head in [many(99), large((16 << 10) - 200)] {
        let mut connection = Http::connect(node.address).await;
        connection.send(head.as_bytes()).await;
        assert_eq!(connection.response().await.status, 200);
    }
    node.is_well().await;
}

/// HTTP-14, HTTP-15, HTTP-16, HTTP-17: whatever leaves open where a request ends.
#[tokio::test]
async fn ambiguous_lengths_close_the_connection() {
    let mut node = Node::start().await;
    let digits = "1".repeat(30);
    let lengths = ["-1", "abc", "+5", "0x10", "5, 6", "5 5", "", "1e2", &digits];
    let lengths = lengths.map(|len| (format!("content-length: {len}\r\n"), "4xxxx"));
    let pairs = [
        ("content-length: 5\r\ncontent-length: 6\r\n", "4xxxx"),
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", "0\r\n\r\n"),
        ("TRANSFER-ENCODING: chunked\r\nCONTENT-length : 5\r\n", "0\r\n\r\n"),
        ("transfer-encoding: xchunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("transfer-encoding: identity\r\n", "4x"),
        ("transfer-encoding: \r\n", "4x"),
    ];
    let pairs = pairs.map(|(headers, body)| (headers.to_owned(), body));
    for (headers, body) in lengths.into_iter().chain(pairs) {
        let polling = node.open_polling().await;
        let target = polling.target("polling");
        let second = format!("GET {POLLING} HTTP/1.1\r\nhost: x\r\n\r\n");
        let request = format!("POST {target} HTTP/1.1\r\nhost: x\r\n{headers}\r\n{body}{second}");
        let response = answer_and_close(&node, request.as_bytes()).await;
        assert_eq!(response.status, 400, "{headers}");
        assert_eq!(polling.send(&["1"]).await.status, 200, "{headers}");
        node.ends_with("transport close").await;
    }
    assert_eq!(node.count("fanfare_handshakes_total", "polling"), 17, "no second request was answered");
    assert_eq!(node.count("fanfare_http_errors_total", "malformed"), 15);
    assert_eq!(node.count("fanfare_http_errors_total", "smuggling"), 2);
    node.is_well().await;
}

/// HTTP-15, behind requests that are in order.
#[tokio::test]
async fn two_lengths_are_noticed_on_every_request_of_a_connection() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let target = polling.target("polling");
    let get = format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
    let body = "4looks\r\n\r\nlike the end of a head";
    let post = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let smuggled = "transfer-encoding: chunked\r\ncontent-length: 4\r\n";
    let smuggling = format!("\r\n\r\nPOST {target} HTTP/1.1\r\nhost: x\r\n{smuggled}\r\n0\r\n\r\n{get}");
    let mut connection = Http::connect(node.address).await;
    connection.send([&post, &get, &smuggling].map(|part| part.as_bytes()).concat().as_slice()).await;
    assert_eq!(connection.response().await.text(), "ok");
    assert_eq!(connection.response().await.text(), body);
    assert_eq!(connection.response().await.status, 400);
    assert!(connection.try_response().await.is_none(), "the connection is closed");
    assert_eq!(node.count("fanfare_http_errors_total", "smuggling"), 1);
    // What a body says is not a header, and chunks are fine.
    let mut connection = Http::connect(node.address).await;
    let body = "4\r\ncontent-length: 5\r\n";
    let post = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let chunked =
        format!("POST {target} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n4x\r\n0\r\n\r\n");
    connection.send([post, chunked].concat().as_bytes()).await;
    assert_eq!(connection.response().await.text(), "ok");
    assert_eq!(connection.response().await.text(), "ok");
    assert!(connection.try_response().await.is_none(), "nothing may follow a chunked body");
    node.is_well().await;
}

/// HTTP-16.
#[tokio::test]
async fn malformed_chunks_close_the_session() {
    let mut node = Node::start().await;
    for size in ["zz", "-1", "fffffffffffffffff", "10000000000000000", "", " ", "+2", "0x2"] {
        let polling = node.open_polling().await;
        let head =
            format!("POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", polling.target("polling"));
        let response = answer_and_close(&node, format!("{head}{size}\r\n4x\r\n0\r\n\r\n").as_bytes()).await;
        assert_eq!(response.status, 400, "{size}");
        node.ends_with("transport error").await;
        is_refused(&polling.poll().await, 1, "Session ID unknown");
    }
    assert_eq!(node.count("fanfare_client_errors_total", "body_broken"), 8);
    node.is_well().await;
}

/// HTTP-18.
#[tokio::test]
async fn malformed_heads_are_refused() {
    let mut node = Node::start().await;
    let line = format!("GET {POLLING} HTTP/1.1\r\n");
    let heads = [
        format!("{line}host: x\r\nx-y: a\0b\r\n\r\n"),
        format!("GET {POLLING}\0 HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("{line}host : x\r\n\r\n"),
        format!("{line}host: x\r\nx-y: a\r\n folded\r\n\r\n"),
        format!("{line}host: x\r\nno colon\r\n\r\n"),
        format!("{line}host: x\r\n: no name\r\n\r\n"),
        format!("GET {POLLING} HTTP/9.9\r\nhost: x\r\n\r\n"),
        format!("GET {POLLING} HTTP/2.0\r\nhost: x\r\n\r\n"),
        format!("GET {POLLING}\r\nhost: x\r\n\r\n"),
        format!("GET  {POLLING} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("{line}host: x\rx-y: a\r\n\r\n"),
        format!("{line}host: x\r\nx-y: a\rb\r\n\r\n"),
        format!("{line}host: x\nx-y: a\r\n\r\n"),
        format!("{line}\r\n"),
        format!("{line}host: x\r\nhost: x\r\n\r\n"),
        format!("GET {POLLING} HTTP/1.0\r\nhost: x\r\nhost: y\r\n\r\n"),
    ];
    let count = heads.len() as u64;
    for head in heads {
        let response = answer_and_close(&node, head.as_bytes()).await;
        assert_eq!(response.status, 400, "{head:?}");
    }
    assert_eq!(node.count("fanfare_http_errors_total", ""), count);
    node.is_well().await;
}

/// HTTP-19, and AUTH-11 where the `PROXY` protocol is off.
#[tokio::test]
async fn other_protocols_are_refused() {
    let mut node = Node::start().await;
    let noise: Vec<u8> = (0..500u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let hello = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\x5b\x90\x9d\x9b\x72\x0b\xbc\x0c\xbc\x2b\x92\xa8";
    let inputs: [&[u8]; 9] = [
        hello,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        &noise,
        b"*1\r\n$4\r\nPING\r\n",
        b"EHLO example.com\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n",
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    ];
    for input in inputs {
        let response = answer_and_close(&node, input).await;
        assert_eq!(response.status, 400, "{input:?}");
    }
    assert_eq!(node.count("fanfare_http_errors_total", "malformed"), 9);
    node.is_well().await;
}

/// HTTP-20.
#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let mut node = Node::start().await;
    let mut connection = Http::connect(node.address).await;
    let mut requests = String::new();
    for i in 0..64 {
        requests += &format!("GET {POLLING}&i={i} HTTP/1.1\r\nhost: x\r\n\r\n");
        requests += &format!("GET {POLLING}&sid={i} HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    connection.send(requests.as_bytes()).await;
    let mut sids = std::collections::HashSet::new();
    for _ in 0..64 {
        let open = connection.response().await;
        let sid = open.text().split('"').nth(3).expect("a session id").to_owned();
        assert!(sids.insert(sid), "a session id was given twice");
        is_refused(&connection.response().await, 1, "Session ID unknown");
    }
    node.nobody_ended();
    node.is_well().await;
}

/// HTTP-23, HTTP-26.
#[tokio::test]
async fn odd_queries_are_read_in_one_way() {
    let mut node = Node::start().await;
    let many = "&x=y".repeat(1500);
    for (query, status) in [
        ("EIO=4&transport=polling&x=%zz&%=%&y=%1".to_owned(), 200),
        ("EIO=4&transport=polling&x=%ff%fe".to_owned(), 200),
        (format!("EIO=4&transport=polling{many}"), 200),
        ("EIO=4&EIO=3&transport=polling&transport=foo".to_owned(), 200),
        ("EIO=3&EIO=4&transport=polling".to_owned(), 400),
        ("EIO=4&transport=foo&transport=polling".to_owned(), 400),
        ("EIO=4&transport=polling&sid=x&sid=".to_owned(), 400),
        ("%45IO=4&transpor%74=polling".to_owned(), 200),
        ("EIO[]=4&transport[]=polling".to_owned(), 400),
    ] {
        let response = node.get(&format!("/engine.io/?{query}")).await;
        assert_eq!(response.status, status, "{query}");
    }
    for callback in ["0", "alert(1)", "%3Cscript%3Ealert(1)%3C/script%3E", ""] {
        let response = node.get(&format!("{POLLING}&j={callback}")).await;
        is_refused(&response, 3, "Bad request");
    }
    node.is_well().await;
}

/// HTTP-25.
#[tokio::test]
async fn nothing_a_client_says_becomes_a_header() {
    let mut node = Node::with(|engine| engine.cors(Cors::mirror().credentials(true))).await;
    let target = format!("{POLLING}&x=%0d%0aset-cookie:%20a=b&sid=%0d%0ax-evil:1");
    let response = node.get(&target).await;
    is_refused(&response, 1, "Session ID unknown");
    for origin in ["https://a.org%0d%0aset-cookie: a=b", "https://a.org\tset-cookie: a=b", "\u{e9}\u{e8}"] {
        let response = Http::request(node.address, "GET", POLLING, &[("origin", origin)], b"").await;
        let names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert!(!names.contains(&"set-cookie"), "{response:?}");
        assert_eq!(response.header("access-control-allow-origin"), Some(origin));
    }
    let request = format!("GET {POLLING} HTTP/1.1\r\nhost: x\r\norigin: https://a.org\rset-cookie: a=b\r\n\r\n");
    assert_eq!(answer_and_close(&node, request.as_bytes()).await.status, 400);
    node.is_well().await;
}

/// Sends bytes and returns the answer; checks that it is the only one, and that the connection is closed behind it.
pub(crate) async fn answer_and_close(node: &Node, bytes: &[u8]) -> Response {
    let mut connection = Http::connect(node.address).await;
    // What is refused may be refused before all of it is out.
    let _ = connection.try_send(bytes).await;
    let response = connection.response().await;
    assert_eq!(response.header("connection"), Some("close"), "{response:?}");
    assert!(connection.try_response().await.is_none(), "there is a second answer");
    response
}
