//! The log goes to standard error: warnings, or what `COVERGLASS_LOG` says.

use std::io;

use tracing::Level;

/// Starts the log. Levels are `error`, `warn`, `info`, `debug` and `trace`; anything else is
/// taken for `warn`.
pub(crate) fn start() {
    let level = crate::variable("COVERGLASS_LOG");
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(Level::WARN);
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(level > Level::WARN)
        .with_ansi(false)
        .with_writer(io::stderr);
    if level > Level::WARN {
        log.init();
    } else {
        log.without_time().event_format(Sentence).init();
    }
}

/// A warning as this program says everything else: `coverglass: …`.
struct Sentence;

impl<S, N> tracing_subscriber::fmt::FormatEvent<S, N> for Sentence
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &tracing_subscriber::fmt::FmtContext<'_, S, N>,
        mut writer: tracing_subscriber::fmt::format::Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> std::fmt::Result {
        use tracing_subscriber::fmt::FormatFields;
        write!(writer, "coverglass: ")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
