//! Purchases are announced; e-mail, SMS and audit react.

use libtest_mimic::Failed;

use crate::example::{Case, Example};
use crate::part::Part;
use crate::support::language::Language;

pub(crate) static EXAMPLE: Example = Example::new("ticket-notifications", &[Language::Python]);

pub(crate) const CASES: &[Case] = &[
    ("the_demonstration_shows_that_a_late_subscriber_misses_the_first_purchase", demonstration),
    ("every_department_reacts_to_every_purchase_in_order", every_department_reacts),
    ("what_is_no_purchase_stops_no_department", what_is_no_purchase_stops_no_department),
];

fn demonstration(example: &'static Example) -> Result<(), Failed> {
    let printed = example.stage(&[])?.demonstration();
    let expected = [
        "email: ready",
        "sms: ready",
        "box office: sold #1, 2 x Carmen; 2 listened",
        "audit: ready",
        "box office: sold #2, 1 x La vida breve; 3 listened",
        "email: mail to ana@example.com: here are your 2 seats for Carmen",
        "email: mail to zoë@example.com: here are your 1 seats for La vida breve",
        "email: going home, 2 sold",
        "sms: message to +34600111222: see you at Carmen",
        "sms: message to +34600333444: see you at La vida breve",
        "sms: going home, 2 sold",
        "audit: purchase #2 of 1 seats noted",
        "audit: going home, 2 sold",
    ];
    assert_eq!(printed, expected);
    Ok(())
}

fn every_department_reacts(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let mut departments = ["email", "sms", "audit"].map(|name| {
        let mut department = stage.start(".venv/bin/python", &["department.py", name]);
        department.expect(&format!("{name}: ready"));
        department
    });
    let mut office = stage.start(".venv/bin/python", &["box_office.py"]);
    for number in 1..=20 {
        office.say(&format!("n{number}@example.com +{number} {number} Carmen"));
        office.expect(&format!("box office: sold #{number}, {number} x Carmen; 3 listened"));
    }
    office.finish();
    for number in 1..=20 {
        let [email, sms, audit] = departments.each_mut().map(Part::next_line);
        assert_eq!(email, format!("email: mail to n{number}@example.com: here are your {number} seats for Carmen"));
        assert_eq!(sms, format!("sms: message to +{number}: see you at Carmen"));
        assert_eq!(audit, format!("audit: purchase #{number} of {number} seats noted"));
    }
    for (department, name) in departments.into_iter().zip(["email", "sms", "audit"]) {
        assert_eq!(department.finish().last(), Some(&format!("{name}: going home, 20 sold")));
    }
    Ok(())
}

fn what_is_no_purchase_stops_no_department(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let mut audit = stage.start(".venv/bin/python", &["department.py", "audit"]);
    audit.expect("audit: ready");
    let mut somebody = stage.peer();
    for nonsense in ["hello", "{}", "[1]"] {
        assert_eq!(somebody.call(&["PUBLISH", "tickets:purchases", nonsense]), b":1\r\n");
        audit.expect_containing("audit: ignored what is no purchase");
    }
    let mut office = stage.start(".venv/bin/python", &["box_office.py"]);
    office.say("two seats, please");
    office.expect("box office: tell me e-mail, phone, seats and show");
    office.say("ana@example.com +34600111222 2 Carmen");
    audit.expect("audit: purchase #1 of 2 seats noted");
    Ok(())
}
