import { createHash } from 'node:crypto'
import { PASSWORD, USER } from './app.ts'

/** The user of the tests, as a line of a password file that Apache httpd, nginx and others read. For more than a test: `htpasswd -B`. */
export const PASSWORD_FILE = `${USER}:{SHA}${createHash('sha1').update(PASSWORD).digest('base64')}\n`
