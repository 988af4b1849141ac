-- In a transaction of its own: the whole table is read, while everybody else goes on.
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_end_reason_known;
