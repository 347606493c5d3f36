use sluice_sim::{Fault, search};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seed: u64 = args[1].parse().unwrap();
    let n: u64 = args[2].parse().unwrap();
    let fault = match args.get(3).map(String::as_str) {
        Some("unfenced") => Some(Fault::UnfencedCommits),
        Some("early_effects") => Some(Fault::EffectsBeforeCheckpoint),
        Some("park") => Some(Fault::ParkIgnoresSignals),
        Some("lost") => Some(Fault::LostWorkersForgotten),
        Some("untold") => Some(Fault::ChildEndUntold),
        Some("toldearly") => Some(Fault::ChildEndToldEarly),
        Some("epochs") => Some(Fault::EpochsStandStill),
        Some("lease") => Some(Fault::LapsedLeaseRevives),
        Some("early") => Some(Fault::EarlyEventsForgotten),
        Some("earlyeffects") => Some(Fault::EarlyEffectsUncommitted),
        Some("givenup") => Some(Fault::GivenUpEffectsBegin),
        Some("unseen") => Some(Fault::FinishedCallUnseen),
        _ => None,
    };
    let t = std::time::Instant::now();
    let s = search(seed, n, fault);
    println!(
        "{} histories {} executions {} commits {} calls {:?}",
        s.histories,
        s.executions,
        s.commits,
        s.calls,
        t.elapsed()
    );
    if let Some(f) = s.found {
        for l in &f.tail {
            println!("{}", l.chars().take(8000).collect::<String>());
        }
        println!("seed {} {}: {}", f.seed, f.invariant, f.detail.chars().take(9000).collect::<String>());
    }
}
