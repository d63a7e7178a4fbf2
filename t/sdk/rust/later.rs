use sentry::protocol::{EnvelopeItem, MonitorCheckIn, MonitorCheckInStatus};
use sentry::types::Uuid;
use sentry::ClientOptions;

pub fn traced(options: ClientOptions) -> ClientOptions {
    options.traces_sample_rate(1.0)
}

fn send(id: Uuid, status: MonitorCheckInStatus) {
    let item = EnvelopeItem::MonitorCheckIn(MonitorCheckIn {
        check_in_id: id,
        monitor_slug: "nightly".into(),
        status,
        environment: Some("production".into()),
        duration: None,
        monitor_config: None,
    });
    if let Some(client) = sentry::Hub::current().client() {
        client.send_envelope(item.into());
    }
}

pub fn check_in() {
    let id = sentry::types::random_uuid();
    send(id, MonitorCheckInStatus::InProgress);
    send(id, MonitorCheckInStatus::Ok);
    crate::tell("check_in", None);
}

pub fn flushed(said: bool) -> bool {
    said
}
