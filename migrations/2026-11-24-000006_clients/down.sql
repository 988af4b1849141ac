ALTER TABLE users DROP CONSTRAINT users_username_is_no_client;
ALTER TABLE sessions DROP COLUMN of_client;
DROP TABLE clients;
