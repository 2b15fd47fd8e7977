#!/bin/sh
# Creates the database and its three users, see users.sql. As an administrator:
#
#   export MYSQL_ROOT_PASSWORD=... SOCIALSIM_MYSQL_PASSWORD=...
#   export SOCIALSIM_MYSQL_MIGRATOR_PASSWORD=... SOCIALSIM_MYSQL_READER_PASSWORD=...
#   MYSQL="mysql --host=db.example --user=root" SOCIALSIM_MYSQL_CLIENTS="10.0.0.%" compose/mysql/users.sh
#
# MySQL's image runs it when its data are new. Passwords are read from the environment and passed
# through a pipe: none is on a command line.
set -eu

# Base64 contains no quote, so no password can end its literal.
literal() {
  printf "CONVERT(FROM_BASE64('%s') USING utf8mb4)" "$(printf '%s' "$1" | base64 | tr -d '\n')"
}

{
  printf 'SET @database = %s;\n' "$(literal "${SOCIALSIM_MYSQL_DATABASE:-socialsim}")"
  printf 'SET @host = %s;\n' "$(literal "${SOCIALSIM_MYSQL_CLIENTS:-%}")"
  printf 'SET @migrator = %s;\n' "$(literal "${SOCIALSIM_MYSQL_MIGRATOR:-socialsim_migrator}")"
  printf 'SET @writer = %s;\n' "$(literal "${SOCIALSIM_MYSQL_WRITER:-socialsim}")"
  printf 'SET @reader = %s;\n' "$(literal "${SOCIALSIM_MYSQL_READER:-socialsim_reader}")"
  printf 'SET @migrator_password = %s;\n' "$(literal "${SOCIALSIM_MYSQL_MIGRATOR_PASSWORD:?}")"
  printf 'SET @writer_password = %s;\n' "$(literal "${SOCIALSIM_MYSQL_PASSWORD:?}")"
  printf 'SET @reader_password = %s;\n' "$(literal "${SOCIALSIM_MYSQL_READER_PASSWORD:?}")"
  cat "${SOCIALSIM_USERS_SQL:-$(dirname "$0")/users.sql}"
} | MYSQL_PWD="${MYSQL_ROOT_PASSWORD:?}" ${MYSQL:-mysql --protocol=socket --user=root}
