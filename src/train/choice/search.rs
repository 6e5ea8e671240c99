//! How vectors and neighbours are mixed: by what the lists are worth that they make.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The choices of each setting.
const NEIGHBOURS: [f32; 7] = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];
const CONTRAST: [f32; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
const HALF_START: [f32; 8] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, f32::INFINITY];
const ABSENCE: [f32; 3] = [0.3, 1.0, 3.0];
const POPULARITY: [f32; 6] = [0.0, 0.003, 0.01, 0.03, 0.1, 0.3];

/// How vectors and neighbours are mixed, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixSettings {
    /// The factor of the neighbours' sum.
    pub neighbours: f32,
    /// How much answers differ in what they tell, 0 to 1.
    pub contrast: f32,
    /// After how many answers the start counts half; `None` if it always counts whole.
    pub half_start: Option<f32>,
    /// The weight of all that was not chosen, as a multiple of that with which the vectors
    /// were fitted.
    pub absence: f32,
    /// The factor of an item's bias.
    pub popularity: f32,
}

/// Settings of a list, each by its place among the choices.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Mixture([usize; 6]);

impl Mixture {
    /// From where a search starts: with many neighbours, or with few.
    pub const STARTS: [Self; 2] = [Self([1, 4, 2, 4, 1, 0]), Self([1, 1, 2, 6, 1, 0])];

    /// The choices nearest to these settings, with a penalty by its place: an earlier
    /// version may have had other choices.
    pub fn nearest(penalty: usize, settings: &MixSettings) -> Self {
        let MixSettings { neighbours, contrast, half_start, absence, popularity } = *settings;
        Self([
            penalty,
            nearest(&NEIGHBOURS, neighbours),
            nearest(&CONTRAST, contrast),
            nearest(&HALF_START, half_start.unwrap_or(f32::INFINITY)),
            nearest(&ABSENCE, absence),
            nearest(&POPULARITY, popularity),
        ])
    }

    /// The settings in numbers.
    pub fn settings(self) -> MixSettings {
        MixSettings {
            neighbours: self.neighbours(),
            contrast: self.contrast(),
            half_start: Some(self.half_start()).filter(|half| half.is_finite()),
            absence: self.absence(),
            popularity: self.popularity(),
        }
    }

    /// The same without neighbours.
    pub fn alone(mut self) -> Self {
        self.0[1] = 0;
        self
    }

    /// The place of the penalty among those of the neighbours.
    pub fn penalty(self) -> usize {
        self.0[0]
    }

    /// The factor of the neighbours' sum.
    pub fn neighbours(self) -> f32 {
        NEIGHBOURS[self.0[1]]
    }

    /// How much answers differ in what they tell: at 0 all tell the same, at 1 nothing
    /// is added for an item that was not liked.
    pub fn contrast(self) -> f32 {
        CONTRAST[self.0[2]]
    }

    /// After how many answers the start counts half.
    pub fn half_start(self) -> f32 {
        HALF_START[self.0[3]]
    }

    /// Those of the settings that users' vectors depend on, where alternating least squares
    /// made the items'.
    pub fn of_vectors(&self) -> [usize; 3] {
        [self.0[2], self.0[3], self.0[4]]
    }

    /// The weight of all that was not chosen, as a multiple of that with which the vectors
    /// were fitted.
    pub fn absence(self) -> f32 {
        ABSENCE[self.0[4]]
    }

    /// The factor of an item's bias, as long as the start counts whole.
    pub fn popularity(self) -> f32 {
        POPULARITY[self.0[5]]
    }
}

/// The place of the choice nearest to a number; infinity is near to itself alone.
pub fn nearest<N: Copy + Into<f64>>(choices: &[N], number: N) -> usize {
    let number = number.into();
    let distance = |place: &usize| match choices[*place].into() {
        choice if choice == number => 0.0,
        choice => (choice - number).abs(),
    };
    let nearest = (0..choices.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.unwrap_or(0)
}

/// Which settings a search may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// All, of neighbours with so many penalties.
    All(usize),
    /// Those of the neighbours alone, with so many penalties.
    Neighbours(usize),
}

/// The mix that `worth` is greatest of, as far as changes of one setting at a time lead
/// there, and its worth.
pub fn search(
    starts: &[Mixture],
    free: Free,
    mut worth: impl FnMut(Mixture) -> f64,
) -> (Mixture, f64) {
    let mut known: HashMap<Mixture, f64> = HashMap::new();
    let mut worth = |mix: Mixture| *known.entry(mix).or_insert_with(|| worth(mix));
    let (penalties, order): (usize, &[usize]) = match free {
        Free::All(penalties) => (penalties, &[1, 3, 2, 0, 4, 5]),
        Free::Neighbours(penalties) => (penalties, &[1, 2, 0]),
    };
    let choices = [
        penalties,
        NEIGHBOURS.len(),
        CONTRAST.len(),
        HALF_START.len(),
        ABSENCE.len(),
        POPULARITY.len(),
    ];
    let mut found: Option<(Mixture, f64)> = None;
    for &start in starts {
        let mut best = (start, worth(start));
        loop {
            let before = best.0;
            for &setting in order {
                // Downhill on both sides of the best ends the walk along a setting.
                for step in [usize::MAX, 1] {
                    loop {
                        let mut next = best.0;
                        next.0[setting] = next.0[setting].wrapping_add(step);
                        if next.0[setting] >= choices[setting] {
                            break;
                        }
                        let value = worth(next);
                        if value <= best.1 {
                            break;
                        }
                        best = (next, value);
                    }
                }
            }
            if best.0 == before {
                break;
            }
        }
        if found.is_none_or(|found| best.1 > found.1) {
            found = Some(best);
        }
    }
    found.unwrap_or((Mixture::STARTS[0], f64::NEG_INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_lead_back_to_their_mixture() {
        let choices = [
            3,
            NEIGHBOURS.len(),
            CONTRAST.len(),
            HALF_START.len(),
            ABSENCE.len(),
            POPULARITY.len(),
        ];
        for (setting, &count) in choices.iter().enumerate() {
            for place in 0..count {
                let mut mix = Mixture::STARTS[0];
                mix.0[setting] = place;
                // By way of a weight file, whose JSON has no infinity.
                let text = serde_json::to_string(&mix.settings()).unwrap();
                let settings = serde_json::from_str(&text).unwrap();
                assert_eq!(Mixture::nearest(mix.penalty(), &settings), mix);
            }
        }
        let between = MixSettings { neighbours: 0.9, ..Mixture::STARTS[0].settings() };
        assert_eq!(Mixture::nearest(1, &between).neighbours(), 1.0);
    }
}
