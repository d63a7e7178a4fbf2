// What sentry 0.31.0 has.

use sentry::ClientOptions;

pub fn traced(mut options: ClientOptions) -> ClientOptions {
    options.traces_sample_rate = 1.0;
    options
}

pub fn check_in() {
    crate::without("check_in", "sentry before 0.31.2 has no check-ins");
}

/// What flushing says there is whether it failed.
pub fn flushed(said: bool) -> bool {
    !said
}
