"""What a member keeps, and what a message says, as columns of whole numbers. NONE is nobody, and an amount not known."""

NONE = -1

# a stage is 4 times its pass plus its kind
BID, SWEEP, FINAL, DONE = 0, 1, 2, 3

# a message: the receiver's link, its kind, then the fields of this kind
LINK, KIND = 0, 1
WORD, ACK, REPORT = 0, 1, 2
W_STAGE, W_VERSION, W_ROOT, W_CHILD, W_PUBLIC, W_HOPS, W_NUMBER, W_PRIVATE = range(2, 10)
A_VERSION = 2
R_STAGE, R_SINCE, R_UNTIL, R_SENT, R_SEEN, R_OPEN = range(2, 8)
FIELDS = (8, 1, 6)
WIDTH = 10

# a member. PARTNER, PENDING and PARENT are links; PUBLIC is what a seller asks for itself and what a buyer claims for itself,
# REST what it could get elsewhere, HOPS how many contracts would move if it lost its partner; NUMBER is that of its last bid
NAME, IS_BUYER, STAGE, PARTNER, PENDING, NUMBER, BIDS, LEFT, PUBLIC, HOPS, REST = range(11)
ROOT, PARENT, AGREEING, CHILDREN, SENT, SEEN, SINCE, NEWS, DIRTY, FLOOR, OWES = range(11, 22)
MEMBER = 22
ANNOUNCED = 2  # in DIRTY: all whose value with me is above FLOOR get a word, not only those marked as CHANGED

# a link: its value; the contact's last word; my own word; its carriage; the contact's report, if it is my child in the tree
VALUE, H_PUBLIC, H_HOPS, H_NUMBER, H_PRIVATE, H_VERSION, H_ROOT, H_CHILD = range(8)
MY_NUMBER, MY_PRIVATE, VERSION, ACKED, SENT_AT, CHANGED, OWED, HEARD_AT = range(8, 16)
C_STAGE, C_SINCE, C_UNTIL, C_SENT, C_SEEN, C_OPEN = range(16, 22)
CONTACT = 22
