//! `proxy PORT RATE DELAY`: a line to the server on that loopback port, so many bytes per second for each
//! connection (0: no limit), so many milliseconds each way.
//!
//! A process of its own, so that neither its time nor its memory is anybody's whom we measure. Says the port that
//! it listens on, then, for each line that it reads, the most connections that were open at once since the line
//! before, and the bytes that came down in that time. Ends when its input does.
//!
//! The limit paces what comes down. Latency is that of the way alone: the system's TCP on loopback knows nothing
//! of it, so there is no slow start; what is under way is bounded as by a large receive window (`wire::WINDOW`).

mod line;
mod pace;
mod tally;
mod wire;

use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use line::Line;
use tally::Tally;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, rate, delay] = arguments.as_slice() else {
        return Err("usage: proxy PORT BYTES_PER_SECOND MILLISECONDS_EACH_WAY".into());
    };
    let (server, rate, delay) = (("127.0.0.1", port.parse()?), rate.parse::<u32>()?, delay.parse()?);
    let line = Line { rate: (rate > 0).then_some(rate), delay: Duration::from_millis(delay) };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", listener.local_addr()?.port())?;

    let tally = Arc::new(Tally::default());
    let of_lines = Arc::clone(&tally);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client whose server is gone sees its connection end.
            if let Ok(server) = TcpStream::connect(server) {
                let tally = Arc::clone(&of_lines);
                std::thread::spawn(move || line.join(&client, &server, &tally));
            }
        }
    });
    for asked in std::io::stdin().lock().lines() {
        asked?;
        let (connections, bytes) = tally.take();
        writeln!(output, "{connections} {bytes}")?;
    }
    Ok(())
}
