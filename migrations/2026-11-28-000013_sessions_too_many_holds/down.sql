-- What holds may be held to.
SELECT;
