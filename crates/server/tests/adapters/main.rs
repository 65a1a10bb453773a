//! The adapter of a single node, and one that connects several nodes of this process, do what every adapter has to do.

mod loopback;
mod server_events;

use fanfare::Server;
use fanfare::adapter::{AdapterFactory, MemoryAdapter, conformance};

use loopback::Loopback;

fn server(adapter: impl AdapterFactory) -> Server {
    Server::builder().serve_client(false).adapter(adapter).build().expect("the options are valid")
}

#[tokio::test]
async fn the_memory_adapter_conforms() {
    for case in conformance::cases() {
        println!("{}", case.name());
        case.run(async || vec![server(MemoryAdapter)]).await;
    }
}

async fn loopback_conforms(servers: usize) {
    for case in conformance::cases() {
        println!("{}", case.name());
        let bus = Loopback::default();
        case.run(async || (0..servers).map(|_| server(bus.clone())).collect()).await;
    }
}

#[tokio::test]
async fn an_adapter_of_one_node_conforms() {
    loopback_conforms(1).await;
}

#[tokio::test]
async fn an_adapter_of_two_nodes_conforms() {
    loopback_conforms(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adapter_of_three_nodes_conforms() {
    loopback_conforms(3).await;
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let mut names: Vec<_> = conformance::cases().map(|case| case.name()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]) && names.len() > 20, "{names:?}");
}
