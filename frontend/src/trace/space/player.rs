//! The time that is shown, and how fast it goes.

/// Milliseconds that a whole trace takes at speed 1.
const WHOLE: f64 = 12_000.0;

/// Factor of one step faster or slower.
const STEP: f64 = 1.5;

/// Steps that can be taken either way from speed 1.
const STEPS: i32 = 16;

/// Plays a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Player {
    /// The time that is shown, in nanoseconds since the trace began. What comes later is not seen.
    pub now: f64,
    /// It goes on by itself.
    pub playing: bool,
    step: i32,
}

impl Default for Player {
    /// Stands at the end, wherever that is.
    fn default() -> Self {
        Self { now: f64::INFINITY, playing: false, step: 0 }
    }
}

impl Player {
    /// How fast it goes; 1 shows the whole trace in twelve seconds.
    pub fn speed(&self) -> f64 {
        STEP.powi(self.step)
    }

    /// One step faster, or slower.
    pub fn shift(&mut self, faster: bool) {
        let step = if faster { self.step + 1 } else { self.step - 1 };
        self.step = step.clamp(-STEPS, STEPS);
    }

    /// Nanoseconds of the trace that pass in a millisecond.
    pub fn rate(&self, duration: f64) -> f64 {
        duration / WHOLE * self.speed()
    }

    /// Starts from the beginning.
    pub fn restart(&mut self) {
        self.now = 0.0;
        self.playing = true;
    }

    /// Stops, or goes on; from the beginning if it is at the end.
    pub fn toggle(&mut self, duration: f64) {
        if self.playing {
            self.playing = false;
        } else if self.now >= duration {
            self.restart();
        } else {
            self.playing = true;
        }
    }

    /// Lets time pass: so many milliseconds. Stops at the end.
    pub fn pass(&mut self, milliseconds: f64, duration: f64) {
        if !self.playing {
            return;
        }
        self.now = self.now.max(0.0) + milliseconds.max(0.0) * self.rate(duration);
        if self.now >= duration {
            self.now = duration;
            self.playing = false;
        }
    }

    /// The time shown, within the trace.
    pub fn at(&self, duration: f64) -> f64 {
        self.now.clamp(0.0, duration.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_takes_twelve_seconds_and_then_stands() {
        let mut player = Player::default();
        assert_eq!(player.at(600.0), 600.0);
        player.restart();
        player.pass(6_000.0, 600.0);
        assert_eq!((player.now, player.playing), (300.0, true));
        player.pass(6_001.0, 600.0);
        assert_eq!((player.now, player.playing), (600.0, false));
        player.pass(1_000.0, 600.0);
        assert_eq!(player.now, 600.0);
    }

    #[test]
    fn pausing_keeps_the_time_and_the_end_starts_over() {
        let mut player = Player::default();
        player.toggle(100.0);
        assert_eq!((player.now, player.playing), (0.0, true));
        player.pass(1_200.0, 100.0);
        player.toggle(100.0);
        player.pass(1_200.0, 100.0);
        assert_eq!((player.now, player.playing), (10.0, false));
        player.toggle(100.0);
        assert_eq!((player.now, player.playing), (10.0, true));
    }

    #[test]
    fn speed_goes_by_halves_and_has_ends() {
        let mut player = Player::default();
        player.shift(true);
        assert_eq!(player.speed(), 1.5);
        player.shift(false);
        player.shift(false);
        assert!((player.speed() - 1.0 / 1.5).abs() < 1e-12);
        for _ in 0..100 {
            player.shift(true);
        }
        assert!(player.speed() < 1_000.0);
    }
}
