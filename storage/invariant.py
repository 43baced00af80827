"""What an invariant is: a sentence about the book that always holds, and the query that finds where it does not.

The queries live by theme in storage/invariants/, `storage.verify` runs them. Three guards stand behind
each other: the database refuses (R, named in docs/invariants.md), `keydesk verify` finds what came round
the refusal (V: a restored dump, a disabled trigger, a hand at psql), `keydesk stuck` sees what waits (S).

| code    | about                                       | R | V | S |
|---------|---------------------------------------------|---|---|---|
| D1, D2  | approvals taken back, deciding for another  | x | x |   |
| I1      | an entry balances                           | x | x |   |
| I2      | the book sums to zero, an order is settled  |   | x |   |
| I3      | account versions and running balances       | x | x |   |
| I4, I5  | one credit per cancellation and per unit    | x | x |   |
| I6, I7  | a credit within its charge and its approval | x | x |   |
| I8      | completed means credited, revoked, closed   | x | x | x |
| I9, I10 | credit and live key never meet              | x | x | x |
| I11-I13 | a key's one line, its events, its moves     | x | x |   |
| I14     | delivered means charged and keyed           |   | x | x |
| I15     | one partner and customer from top to bottom | x | x |   |
| I16     | one verdict, by somebody who may            | x | x |   |
| I17     | every accepted event is honoured            |   | x | x |
| I18     | one owner per order, one event per owner    | x | x |   |
| I19     | every end is told once                      | x | x |   |
| I20     | no message waits for ever                   |   | x | x |
| I21     | the audit chain, a name for every act       | x | x |   |
| I22     | who saw a key, and when                     | x | x |   |
| I23     | one open cancellation per line, a unit once | x | x |   |
| I24     | Temporal and the database agree             |   |   | x |
| I25     | no secret in clear: a canary test's work    |   |   |   |
| K1-K31  | our own: see the sentences                  |   | x |   |
| K50-K52 | uses of links, bounds of downloads, builds  | x | x |   |
| N10-N19 | order of events, deliveries to endpoints    | x | x |   |
| K60     | the units that a case takes                 | x | x |   |
| S1-S3   | invitations by mail, sessions of browsers   | x | x |   |
| T1-T9   | tickets, first responses, inquiries         | x | x |   |
| T10-T12 | attachments                                 | x | x |   |
| T20-T22 | the copy of a case at an outside desk       | x | x |   |
"""

from datetime import timedelta

from models.base import Value


class Invariant(Value):
    """One rule; `sql` answers rows of `subject` and `detail` where it is broken, and nothing otherwise.

    A query may use `:now`, and `:age` where a rule holds only after some time. `detail` never
    carries a secret or contact data: it ends in terminals, logs and pages.
    """

    code: str
    sentence: str
    sql: str
    age: timedelta = timedelta(0)
