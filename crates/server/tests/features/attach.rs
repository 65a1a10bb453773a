//! The server next to other things: in applications of axum, below a path, behind layers.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use fanfare::{Handshake, Server, Socket};
use fanfare_testkit::{Client, Http, Polling, WebSocket};

use crate::support::Node;

async fn serve_app(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn server(path: &str) -> Server {
    let io = Server::builder().serve_client(false).path(path).build().unwrap();
    io.on_connect(async |socket: Socket| {
        socket.on("path", async |io: Server| io.engine().path().to_owned());
    });
    io
}

#[tokio::test]
async fn as_a_layer_it_takes_its_path_and_leaves_the_rest() {
    let io = server("/socket.io");
    let app = Router::new()
        .route("/", get(async || "home").post(async |body: String| body))
        .route("/socket.iox", get(async || "not ours"))
        .fallback(async || "fallback")
        .layer(io.layer());
    let address = serve_app(app).await;
    for (target, text) in
        [("/", "home"), ("/socket.iox", "not ours"), ("/socket.io", "fallback"), ("/other?EIO=4", "fallback")]
    {
        assert_eq!(Http::get(address, target).await.text(), text, "{target}");
    }
    assert_eq!(Http::post(address, "/", b"body").await.text(), "body");
    assert_eq!(Http::get(address, "/socket.io/").await.status, 400);

    let mut client = Client::connect(address).await;
    assert_eq!(client.ask(1, r#"["path"]"#).await, r#"["/socket.io/"]"#);
    let polling = Polling::open(address, "/socket.io/").await;
    assert_eq!(polling.send(&["40"]).await.text(), "ok");
    assert!(polling.packets().await[0].starts_with(r#"40{"sid""#));
    let mut websocket = WebSocket::connect(address, &polling.target("websocket")).await;
    websocket.send("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.send("5").await;
    websocket.send(r#"421["path"]"#).await;
    assert_eq!(websocket.text().await, r#"431["/socket.io/"]"#);
}

#[tokio::test]
async fn as_a_service_it_answers_where_it_is_mounted() {
    let io = server("/socket.io");
    let app = Router::new().route("/", get(async || "home")).route_service("/socket.io/", io.service());
    let address = serve_app(app).await;
    assert_eq!(Http::get(address, "/").await.text(), "home");
    assert_eq!(Http::get(address, "/other").await.status, 404);
    let mut client = Client::connect(address).await;
    assert_eq!(client.ask(1, r#"["path"]"#).await, r#"["/socket.io/"]"#);
    // By itself it answers anything else with 404.
    let address = serve_app(Router::new().fallback_service(io.service())).await;
    let response = Http::get(address, "/other").await;
    assert_eq!((response.status, response.body.len()), (404, 0));
}

#[tokio::test]
async fn several_servers_share_one_application() {
    let (chat, games) = (server("/chat"), server("/games"));
    let address = serve_app(Router::new().layer(chat.layer()).layer(games.layer())).await;
    for (path, io) in [("/chat/", &chat), ("/games/", &games)] {
        let mut websocket = WebSocket::connect(address, &format!("{path}?EIO=4&transport=websocket")).await;
        websocket.text().await;
        websocket.send("40").await;
        websocket.text().await;
        websocket.send(r#"421["path"]"#).await;
        assert_eq!(websocket.text().await, format!(r#"431["{path}"]"#));
        assert_eq!(io.sockets_count(), 1);
    }
}

#[tokio::test]
async fn a_server_can_be_attached_and_listen_by_itself() {
    let node = Node::start().await;
    let address = serve_app(Router::new().layer(node.io.layer())).await;
    let mut inside = Client::connect(address).await;
    let mut outside = node.client().await;
    node.io.emit("to all", ());
    assert_eq!((inside.event().await, outside.event().await), (r#"["to all"]"#.into(), r#"["to all"]"#.into()));
    assert_eq!(Http::get(node.address, "/").await.status, 404);
}

#[tokio::test]
async fn what_layers_in_front_have_found_out_can_be_asked_for() {
    #[derive(Clone)]
    struct User(&'static str);
    let io = server("/socket.io");
    io.on_connect(async |handshake: Handshake, socket: Socket| {
        let user = handshake.extensions().get::<User>().map(|user| user.0);
        socket.emit("user", &user);
    });
    let app = Router::new().layer(io.layer()).layer(axum::Extension(User("ann")));
    let mut client = Client::connect(serve_app(app).await).await;
    assert_eq!(client.event().await, r#"["user","ann"]"#);
}

#[tokio::test]
async fn the_engine_below_can_be_reached() {
    let node = Node::with(|builder| {
        builder.engine(|engine| {
            engine.initial_headers(|headers, handshake| {
                let transport = handshake.query_value("transport").unwrap_or_default();
                headers.insert("x-transport", transport.parse().unwrap());
            })
        })
    })
    .await;
    let response = Http::get(node.address, "/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(response.header("x-transport"), Some("polling"));
    let _client = node.client().await;
    assert_eq!(node.io.engine().clients_count(), 2);
    assert_eq!(node.io.engine().sessions().len(), 2);
    let families = node.io.registry().gather();
    let sockets = families.iter().find(|family| family.name() == "fanfare_sockets").unwrap();
    assert_eq!(sockets.get_metric()[0].get_gauge().get_value(), 1.0);
}

#[tokio::test]
async fn requests_can_be_refused_before_anything_else() {
    let node = Node::with(|builder| {
        builder.allow_request(async |request: fanfare::engine::Handshake| match request.query_value("key").as_deref() {
            Some("right") => Ok(()),
            _ => Err("wrong key".into()),
        })
    })
    .await;
    let response = Http::get(node.address, "/socket.io/?EIO=4&transport=polling").await;
    assert_eq!((response.status, response.text()), (403, r#"{"code":4,"message":"wrong key"}"#));
    let response = Http::get(node.address, "/socket.io/?EIO=4&transport=polling&key=right").await;
    assert_eq!(response.status, 200);
}

#[test]
fn options_are_checked_before_the_start() {
    let error = Server::builder().connect_timeout(std::time::Duration::ZERO).build().unwrap_err();
    assert_eq!(error.to_string(), "connect_timeout: 0ns is not allowed; it is between 1 ms and 24 h");
    assert!(Server::builder().path("no slash").build().is_err());
}
