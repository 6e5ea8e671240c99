//! The C functions of questions, beside those of Rust, and wrong calls.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::ptr::{null, null_mut};

use c::handles::{Handles, fails, ok};
use common::files::{bytes, sample, sample_with_vectors};
use melu::ffi::melu_status::*;
use melu::ffi::*;
use melu::{Model, QuestionOptions, Questions, Scratch, User};

#[test]
fn questions_are_those_of_rust() {
    let contents = sample_with_vectors();
    let handles = Handles::new(&bytes(&contents));
    let catalog = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
    let user = User::new(&catalog, &[]).unwrap();
    let mut rust = Questions::new(&catalog).unwrap();
    let none = melu_question { item: 9, known: 9.0, reduction: 9.0 };
    let mut questions = null_mut();
    // SAFETY: the lists are as long as they say, and what is freed is not used again.
    unsafe {
        ok(|e| melu_questions_new(handles.catalog, &mut questions, e));
        let options =
            |unknown: &[u32], leave_out: &[u32], known: Option<&[u32]>| melu_question_options {
                struct_size: size_of::<melu_question_options>(),
                unknown: unknown.as_ptr(),
                unknown_len: unknown.len(),
                leave_out: leave_out.as_ptr(),
                leave_out_len: leave_out.len(),
                known: known.map_or(null(), <[u32]>::as_ptr),
                known_len: known.map_or(0, <[u32]>::len),
            };
        let mut found = none;
        for (unknown, leave_out, known) in [
            (&[][..], &[][..], None),
            (&[1], &[], None),
            (&[], &[0, 1], None),
            (&[], &[], Some(&[2, 0][..])),
            (&[0, 1, 2], &[], None),
            (&[], &[], Some(&[])),
        ] {
            let rust_options = QuestionOptions { unknown, leave_out, known };
            let options = options(unknown, leave_out, known);
            let mut ask =
                |e| melu_user_next_question(handles.user, questions, &options, &mut found, e);
            match user.next_question(&mut rust, rust_options).unwrap() {
                None => fails(NotFound, "left to ask", ask),
                Some(expected) => {
                    ok(&mut ask);
                    assert_eq!(
                        (found.item, found.known, found.reduction),
                        (expected.item, expected.known, expected.reduction)
                    );
                }
            }
        }
        let mut ask = |options: melu_question_options, status, words: &str| {
            fails(status, words, |e| {
                melu_user_next_question(handles.user, questions, &options, &mut found, e)
            });
        };
        ask(options(&[3], &[], None), ItemIndex, "unknown: item index 3");
        ask(options(&[], &[3], None), ItemIndex, "leave_out: item index 3");
        ask(options(&[], &[], Some(&[0, 3])), ItemIndex, "known: item index 3");
        let all = options(&[], &[], None);
        ask(
            melu_question_options { unknown: null(), unknown_len: 1, ..all },
            InvalidArgument,
            "unknown",
        );
        ask(
            melu_question_options { leave_out: null(), leave_out_len: 1, ..all },
            InvalidArgument,
            "leave_out",
        );
        ask(melu_question_options { known_len: 1, ..all }, InvalidArgument, "known");
        ask(melu_question_options { struct_size: 8, ..all }, InvalidArgument, "struct_size");

        let user = handles.user;
        ok(|e| melu_user_next_question(user, questions, null(), &mut found, e));
        fails(InvalidArgument, "user", |e| {
            melu_user_next_question(null_mut(), questions, null(), &mut found, e)
        });
        fails(InvalidArgument, "questions", |e| {
            melu_user_next_question(user, null_mut(), null(), &mut found, e)
        });
        fails(InvalidArgument, "question", |e| {
            melu_user_next_question(user, questions, null(), null_mut(), e)
        });
        // Of another model, and of one that adapts by gradient steps.
        let other = Handles::new(&bytes(&sample_with_vectors()));
        fails(InvalidArgument, "another catalogue", |e| {
            melu_user_next_question(other.user, questions, null(), &mut found, e)
        });
        melu_questions_free(questions);
        let plain = Handles::new(&bytes(&sample()));
        fails(NotAvailable, "sure", |e| melu_questions_new(plain.catalog, &mut questions, e));
        assert!(questions.is_null());
        fails(InvalidArgument, "catalog", |e| melu_questions_new(null(), &mut questions, e));
        fails(InvalidArgument, "questions", |e| melu_questions_new(handles.catalog, null_mut(), e));
        melu_questions_free(null_mut());
    }
    // The handle is as it was.
    let mut expected = vec![0.0; 3];
    user.score_all(&mut expected, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    assert_eq!(handles.scores(), expected);
}
