//! The true worth of questions.

use anyhow::Result;
use melu::{QuestionOptions, Questions, RecommendOptions, Scratch};
use serde_json::{Value, json};

use super::{BEST, People};
use crate::terminal::{self, print_table};

/// The numbers of questions after which lists are shown.
const QUESTIONS: [usize; 4] = [0, 5, 10, 20];

/// Who asks.
#[derive(Clone, Copy)]
enum Asked {
    /// The same films of everybody, the most popular ones first.
    Popular,
    /// What melu asks each person next.
    Next,
}

impl People<'_> {
    /// Prints the true worth of lists for all new people, by number of questions: people
    /// answer if they know the film, and pass if they do not.
    pub(super) fn questions(&self) -> Result<()> {
        let heading = format!("{} new people; questions:", self.tasks.len());
        let header: Vec<String> =
            [heading].into_iter().chain(QUESTIONS.map(|count| count.to_string())).collect();
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let mut table = terminal::table(&header, |column| column > 0);
        for (name, asked) in [("most popular", Asked::Popular), ("melu's next", Asked::Next)] {
            let means = self.after_questions(asked)?;
            let means = means.map(|mean| format!("{mean:.2}"));
            table.add_row([name.to_owned()].into_iter().chain(means));
        }
        print_table(&table)
    }

    /// The same for programs.
    pub(super) fn questions_as_json(&self) -> Result<Value> {
        Ok(json!({
            "questions": QUESTIONS,
            "popular": self.after_questions(Asked::Popular)?,
            "next": self.after_questions(Asked::Next)?,
        }))
    }

    fn after_questions(&self, asked: Asked) -> Result<[f64; QUESTIONS.len()]> {
        let mut sums = [0.0; QUESTIONS.len()];
        let mut scratch = Scratch::new(self.catalog)?;
        let mut questions = Questions::new(self.catalog)?;
        let mut best = Vec::new();
        for task in &self.tasks {
            let mut user = self.user(task)?;
            let mut unknown = Vec::new();
            let mut popular = self.popular.iter().copied();
            let mut count = 0;
            for (sum, questions_so_far) in sums.iter_mut().zip(QUESTIONS) {
                while count < questions_so_far {
                    count += 1;
                    let options = QuestionOptions { unknown: &unknown, ..Default::default() };
                    let item = match asked {
                        Asked::Popular => popular.next(),
                        Asked::Next => {
                            user.next_question(&mut questions, options)?.map(|next| next.item)
                        }
                    };
                    let Some(item) = item else { break };
                    match task.support.iter().find(|rated| rated.item == item) {
                        Some(rated) => user.rate(item, rated.value, &mut scratch)?,
                        None => unknown.push(item),
                    }
                }
                user.recommend(BEST, &RecommendOptions::default(), &mut best, &mut scratch)?;
                *sum += self.truth(task, best.iter().map(|found| found.item));
            }
        }
        Ok(sums.map(|sum| sum / self.tasks.len().max(1) as f64))
    }
}
