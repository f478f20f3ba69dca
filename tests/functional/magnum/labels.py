# SPDX-License-Identifier: Apache-2.0
"""Labels by which a cluster tells the driver of the tests what to let fail.

The label :data:`FAILS` has the steps that are refused at once, :data:`LATER` those that end in an
error after a while.  :data:`HOW` says in which way.
"""

FAILS = "fails"
LATER = "later"
HOW = "how"
#: What became of what fails later; ``silently`` without a word.
REASON = 'Went to status ERROR due to "Message: No valid host was found."'
UNDONE = "Stack ROLLBACK completed successfully"
