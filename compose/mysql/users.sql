-- The database and its three users. Run once by an administrator; socialsim needs none afterwards. Running it again sets
-- the passwords anew and takes away all rights, which `socialsim migrate` then gives again.
--
--   migrator  makes and changes the tables of this one database, and gives the other two their rights on them
--   writer    stores events and offsets; may not change, delete or drop what it stored
--   reader    reads; BI connects as this user
--
-- To be set before: @database, @host (from where the users connect, such as '127.0.0.1' or '%'),
-- @migrator, @writer, @reader (their names) and @migrator_password, @writer_password, @reader_password.
-- users.sh does that from the environment.

-- Whatever the server's defaults are: below, a backslash in a literal and in what QUOTE makes is an escape.
SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';
SET NAMES utf8mb4;

SET @sql = CONCAT('CREATE DATABASE IF NOT EXISTS `', REPLACE(@database, '`', '``'), '` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin');
PREPARE statement FROM @sql;
EXECUTE statement;

SET @account = CONCAT(QUOTE(@migrator), '@', QUOTE(@host));
SET @sql = CONCAT('CREATE USER IF NOT EXISTS ', @account, ' IDENTIFIED BY ', QUOTE(@migrator_password));
PREPARE statement FROM @sql;
EXECUTE statement;
SET @sql = CONCAT('ALTER USER ', @account, ' IDENTIFIED BY ', QUOTE(@migrator_password));
PREPARE statement FROM @sql;
EXECUTE statement;
SET @sql = CONCAT('REVOKE ALL PRIVILEGES, GRANT OPTION FROM ', @account);
PREPARE statement FROM @sql;
EXECUTE statement;
-- An underscore in a database's name stands for any character here, unless it is escaped.
SET @sql = CONCAT('GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES, CREATE VIEW, SHOW VIEW ON `',
  REPLACE(REPLACE(@database, '`', '``'), '_', '\\_'), '`.* TO ', @account, ' WITH GRANT OPTION');
PREPARE statement FROM @sql;
EXECUTE statement;

SET @account = CONCAT(QUOTE(@writer), '@', QUOTE(@host));
SET @sql = CONCAT('CREATE USER IF NOT EXISTS ', @account, ' IDENTIFIED BY ', QUOTE(@writer_password));
PREPARE statement FROM @sql;
EXECUTE statement;
SET @sql = CONCAT('ALTER USER ', @account, ' IDENTIFIED BY ', QUOTE(@writer_password));
PREPARE statement FROM @sql;
EXECUTE statement;
SET @sql = CONCAT('REVOKE ALL PRIVILEGES, GRANT OPTION FROM ', @account);
PREPARE statement FROM @sql;
EXECUTE statement;

SET @account = CONCAT(QUOTE(@reader), '@', QUOTE(@host));
SET @sql = CONCAT('CREATE USER IF NOT EXISTS ', @account, ' IDENTIFIED BY ', QUOTE(@reader_password));
PREPARE statement FROM @sql;
EXECUTE statement;
SET @sql = CONCAT('ALTER USER ', @account, ' IDENTIFIED BY ', QUOTE(@reader_password));
PREPARE statement FROM @sql;
EXECUTE statement;
SET @sql = CONCAT('REVOKE ALL PRIVILEGES, GRANT OPTION FROM ', @account);
PREPARE statement FROM @sql;
EXECUTE statement;

SET @sql = NULL, @migrator_password = NULL, @writer_password = NULL, @reader_password = NULL;
DEALLOCATE PREPARE statement;
