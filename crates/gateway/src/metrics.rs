//! What a process counts besides what its server does.

use prometheus::{IntGaugeVec, Opts, Registry};

/// Registers what the program is, and what the process takes.
pub(crate) fn register(registry: &Registry) {
    let info = Opts::new("fanfare_build_info", "What is running: 1, with its version.");
    let info = IntGaugeVec::new(info, &["version", "os", "arch"]).expect("the name is valid");
    info.with_label_values(&[env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH]).set(1);
    registry.register(Box::new(info)).expect("the registry is new");
    #[cfg(target_os = "linux")]
    registry
        .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
        .expect("the registry is new");
}
