-- The database and its three users. Run once by an administrator; socialsim needs none afterwards.
-- Running it again resets the passwords and revokes all rights, which `socialsim migrate` then grants
-- again.
--
--   migrator  creates and changes the tables of this database, and grants the other two their rights
--   writer    stores events and offsets; may not change, delete or drop stored events
--   reader    reads; BI connects as this user
--
-- Set before: @database, @host (from which the users connect, such as '127.0.0.1' or '%'),
-- @migrator, @writer, @reader (their names) and @migrator_password, @writer_password, @reader_password.
-- users.sh sets them from the environment.

-- Independent of the server's defaults: a backslash is an escape in literals and in QUOTE's output.
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
-- Unescaped, an underscore in a database's name matches any character here.
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
