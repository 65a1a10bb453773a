//! What handlers can ask for.

use fanfare::{
    Ack, Auth, BroadcastOperator, ConnectContext, Data, DisconnectContext, DisconnectReason, EventContext, EventName,
    ExtractError, FromConnect, FromDisconnect, FromEvent, FromSocket, Handshake, Namespace, RawArgs, Server, Socket,
    State, Value,
};
use fanfare_testkit::Client;
use serde::{Deserialize, Serialize};

use crate::support::{Journal, Node};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Message {
    text: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[tokio::test]
async fn arguments_come_in_their_types() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("one", async |Data(message): Data<Message>| Data(message));
        socket.on("three", async |Data(a): Data<u8>, Data(b): Data<String>, Data(c): Data<[i64; 2]>| (a, b, c));
        socket.on("optional", async |Data(a): Data<u8>, Data(b): Data<Option<Message>>| (a, b));
        socket.on("first only", async |Data(a): Data<u8>| a);
        socket.on("tuple", async |Data((a, b)): Data<(u8, String)>| (b, a));
        socket.on("unit", async |Data(()): Data<()>| "null");
        socket.on("any", async |Data(value): Data<Value>| value);
    });
    let mut client = node.client().await;
    for (event, answer) in [
        (r#"["one",{"text":"hi","tags":["a"],"more":1}]"#, r#"[{"text":"hi","tags":["a"]}]"#),
        (r#"["one",{"text":"hi"}]"#, r#"[{"text":"hi","tags":[]}]"#),
        (r#"["three",255,"é",[-1,9007199254740993]]"#, r#"[255,"é",[-1,9007199254740993]]"#),
        (r#"["optional",1]"#, "[1,null]"),
        (r#"["optional",1,null]"#, "[1,null]"),
        (r#"["optional",1,{"text":"x"}]"#, r#"[1,{"text":"x","tags":[]}]"#),
        (r#"["first only",1,"ignored",{}]"#, "[1]"),
        (r#"["tuple",[1,"x"]]"#, r#"["x",1]"#),
        (r#"["unit"]"#, r#"["null"]"#),
        (r#"["any"]"#, "[null]"),
    ] {
        assert_eq!(client.ask(1, event).await, answer, "{event}");
    }
}

#[tokio::test]
async fn arguments_of_another_shape_fail_the_event_and_nothing_else() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("e", async |_: Data<u8>, _: Data<Message>, State(journal): State<Journal>| journal.note("handled"));
    });
    let mut client = node.client().await;
    let mut failed = String::new();
    for (event, error) in [
        (r#"["e"]"#, "argument 0: it is missing"),
        (r#"["e","x"]"#, r#"argument 0: invalid type: string \"x\", expected u8 at line 1 column 3"#),
        (r#"["e",256]"#, "argument 0: invalid value: integer `256`, expected u8 at line 1 column 3"),
        (r#"["e",1]"#, "argument 1: it is missing"),
        (r#"["e",1,{"tags":[]}]"#, "argument 1: missing field `text` at line 1 column 11"),
    ] {
        assert_eq!(client.ask(1, event).await, format!(r#"[{{"error":"{error}"}}]"#), "{event}");
        failed = node.journal.next().await;
        assert!(failed.starts_with("e: Extract(Argument(ArgError { index: "), "{failed}");
        // Without anybody to tell.
        client.emit(event).await;
        assert_eq!(node.journal.next().await, failed);
    }
    assert!(failed.contains("missing field `text`"), "{failed}");
    assert_eq!(client.ask(2, r#"["e",1,{"text":"x"}]"#).await, "[]");
    node.journal.expect(["handled"]).await;
}

#[tokio::test]
async fn a_handler_can_deal_with_other_shapes_itself() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("e", async |number: Result<Data<u8>, ExtractError>, text: Result<Data<String>, ExtractError>| {
            (number.ok().map(|Data(number)| number), text.map(|Data(text)| text).map_err(|error| error.to_string()))
        });
    });
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["e",1,"x"]"#).await, r#"[1,{"Ok":"x"}]"#);
    let wrong = r#"[null,{"Err":"argument 1: invalid type: integer `2`, expected a string at line 1 column 1"}]"#;
    assert_eq!(client.ask(2, r#"["e","x",2]"#).await, wrong);
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn everything_can_be_asked_for_at_once() {
    let node = Node::with(|builder| builder.state(7_u64)).await;
    node.io.of("/chat").on_connect(
        async |socket: Socket, namespace: Namespace, io: Server, handshake: Handshake, Auth(auth): Auth<Message>| {
            assert_eq!(socket.namespace(), &namespace);
            assert_eq!(namespace.server().of("/chat"), io.of("/chat"));
            assert_eq!((handshake.auth().read(), auth.text.as_str()), (Ok(auth.clone()), "hello"));
            socket.on("e", everything);
        },
    );
    let mut client = Client::connect_to(node.address, "/chat", r#"{"text":"hello"}"#).await;
    let sid = client.sid().to_owned();
    let answer = format!(r#"["e","{sid}","/chat","hello",7,"x",["x",2]]"#);
    assert_eq!(client.ask(1, r#"["e","x",2]"#).await, answer);
}

#[expect(clippy::too_many_arguments, reason = "the most there may be")]
async fn everything(
    socket: Socket,
    namespace: Namespace,
    EventName(name): EventName,
    Auth(auth): Auth<Message>,
    State(state): State<u64>,
    Data(first): Data<String>,
    args: RawArgs,
    ack: Ack,
) -> Result<(), fanfare::EmitError> {
    let mut reader = args.as_args().reader();
    let all: Vec<Value> = std::iter::from_fn(|| reader.next()).map(Result::unwrap).collect();
    ack.send((name, socket.id(), namespace.name(), auth.text, state, first, all))
}

#[tokio::test]
async fn the_wrong_authentication_refuses_the_client() {
    let node = Node::start().await;
    node.io.on_connect(async |_: Auth<Message>, State(journal): State<Journal>| journal.note("connected"));
    let mut client = Client::open(node.address).await;
    for (connect, error) in [
        ("0", "missing field `text` at line 1 column 2"),
        (r#"0{"text":7}"#, "invalid type: integer `7`, expected a string at line 1 column 9"),
    ] {
        client.send(connect).await;
        assert_eq!(client.packet().await, format!(r#"4{{"message":"authentication payload: {error}"}}"#));
    }
    assert_eq!(node.io.sockets_count(), 0);
    node.journal.expect_nothing().await;
    client.send(r#"0{"text":"right"}"#).await;
    assert!(client.packet().await.starts_with(r#"0{"sid""#));
    node.journal.expect(["connected"]).await;
}

#[tokio::test]
async fn a_state_that_is_not_there_is_told_to_the_program_only() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("e", async |_: State<Message>| "never");
    });
    node.io.of("/needy").on_connect(async |_: State<Message>| ());
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["e"]"#).await, r#"[{"error":"internal error"}]"#);
    let failure = node.journal.next().await;
    assert!(failure.starts_with("e: Extract(MissingState("), "{failure}");
    client.send("0/needy,").await;
    assert_eq!(client.packet().await, r#"4/needy,{"message":"internal error"}"#);
}

#[tokio::test]
async fn there_is_one_state_of_each_type() {
    let node = Node::with(|builder| builder.state(1_u8).state("text").state(2_u8)).await;
    assert_eq!((node.io.state::<u8>(), node.io.state::<&str>(), node.io.state::<u16>()), (Some(2), Some("text"), None));
}

/// Extractors of the program, one for each kind of handler.
#[derive(Debug)]
struct Others(BroadcastOperator);
struct Token(String);
struct Words(Vec<String>);
struct Goodbye(String);

impl FromSocket for Others {
    fn from_socket(socket: &Socket) -> Result<Self, ExtractError> {
        Ok(Self(socket.broadcast()))
    }
}

impl FromConnect for Token {
    fn from_connect(context: &ConnectContext<'_>) -> Result<Self, ExtractError> {
        let token = context.socket().handshake().query("token");
        token.map(Self).ok_or_else(|| ExtractError::Refused("no token".to_owned()))
    }
}

impl FromEvent for Words {
    fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        let Data(text) = Data::<String>::from_event(context)?;
        assert_eq!((context.name(), context.socket().connected()), ("words", true));
        match text.split_whitespace().map(str::to_owned).collect::<Vec<_>>() {
            words if words.is_empty() => Err(ExtractError::Refused("say something".to_owned())),
            words => Ok(Self(words)),
        }
    }
}

impl FromDisconnect for Goodbye {
    fn from_disconnect(context: &DisconnectContext<'_>) -> Result<Self, ExtractError> {
        Ok(Self(format!("{} of {}", context.reason(), context.socket().id())))
    }
}

#[tokio::test]
async fn a_program_can_have_extractors_of_its_own() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket, Others(others): Others| {
        others.emit("joined", ());
        socket.on("words", async |Words(words): Words, Data(next): Data<Option<u8>>, _: Others| (words, next));
        socket.on_disconnect(
            async |Goodbye(text): Goodbye, reason: DisconnectReason, State(journal): State<Journal>| {
                assert_eq!(reason, DisconnectReason::ClientNamespaceDisconnect);
                journal.note(text);
            },
        );
    });
    node.io.of("/token").on_connect(async |Token(token): Token, socket: Socket| socket.emit("token", &token));
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["words"," a  b ",7]"#).await, r#"[["a","b"],7]"#);
    assert_eq!(client.ask(2, r#"["words"," "]"#).await, r#"[{"error":"say something"}]"#);
    assert_eq!(node.journal.next().await, r#"words: Extract(Refused("say something"))"#);
    client.send("0/token,").await;
    assert_eq!(client.packet().await, r#"4/token,{"message":"no token"}"#);
    let _other = node.client().await;
    assert_eq!(client.event().await, r#"["joined"]"#);
    let id = client.sid().to_owned();
    client.send("1").await;
    assert_eq!(node.journal.next().await, format!("client namespace disconnect of {id}"));
}

#[tokio::test]
async fn a_socket_holds_data_of_one_type() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("set", async |socket: Socket, Data(message): Data<Message>| socket.set_data(message));
        socket.on("get", async |socket: Socket| socket.data::<Message>().map(|message| message.text.clone()));
        socket.on("get another type", async |socket: Socket| socket.data::<u8>().is_none());
        socket.on("count", async |socket: Socket| {
            let count = socket.data::<u32>().map_or(0, |count| *count) + 1;
            socket.set_data(count);
            count
        });
    });
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["get"]"#).await, "[null]");
    assert_eq!(client.ask(2, r#"["set",{"text":"x"}]"#).await, "[]");
    assert_eq!(client.ask(3, r#"["get"]"#).await, r#"["x"]"#);
    assert_eq!(client.ask(4, r#"["get another type"]"#).await, "[true]");
    assert_eq!(client.ask(5, r#"["count"]"#).await, "[1]");
    assert_eq!(client.ask(6, r#"["count"]"#).await, "[2]");
    assert_eq!(client.ask(7, r#"["get"]"#).await, "[null]");
}
