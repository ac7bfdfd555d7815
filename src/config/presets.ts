/**
 * What `app: NAME` fills in: which cookies of a framework live in the store, and where it keeps its session files.
 * Names, paths and the form of ids are the defaults of each framework, from the source named beside the row. Where an app
 * differs, `carriers.files` and `carriers.cookies.names` replace those of the preset, key by key.
 */

/** As in the YAML, so that a preset passes through the same checks as what a user writes. */
export interface Preset {
  readonly about: string
  readonly names: readonly string[]
  readonly files: readonly { readonly cookie: string; readonly id: string; readonly path: string }[]
}

const PRESETS_BY_NAME = {
  // Cookie, path and file name: https://www.php.net/manual/en/session.configuration.php (session.name, session.save_path);
  // `sess_` and the allowed characters: https://github.com/php/php-src/blob/master/ext/session/mod_files.c and
  // https://www.php.net/session_id (a-z A-Z 0-9 , -). 22 to 256 characters: session.sid_length. The folder is Debian's and
  // Ubuntu's; the official Docker image has an empty save_path, which means /tmp/sess_{id}.
  php: {
    about: "PHP's own sessions, in Debian's folder",
    names: [],
    files: [{ cookie: 'PHPSESSID', id: '^[A-Za-z0-9,-]{22,256}$', path: '/var/lib/php/sessions/sess_{id}' }],
  },
  // Name `session`: https://github.com/expressjs/cookie-session#cookie-options; `.sig` with the signature:
  // https://github.com/pillarjs/cookies#cookiessetname--values--options.
  'express-cookie': { about: 'Express with cookie-session', names: ['session', 'session.sig'], files: [] },
  // Name and `s:ID.signature`: https://github.com/expressjs/session#name and its index.js (setcookie: `s:` and cookie-signature,
  // 43 characters of base64, percent-encoded by `cookie`); 24 random bytes in base64url: its generateSessionId and uid-safe. `./sessions`, `.json`:
  // https://github.com/valery-barysok/session-file-store#options. That is relative to where the app was started: /app in most images.
  'express-file': {
    about: 'Express with express-session and session-file-store, started in /app',
    names: [],
    files: [{ cookie: 'connect.sid', id: '^s(?::|%3[Aa])([A-Za-z0-9_-]{32})\\.(?:[A-Za-z0-9+/]|%2[BbFf]){43}$', path: '/app/sessions/{id}.json' }],
  },
  // https://flask.palletsprojects.com/en/stable/config/#SESSION_COOKIE_NAME
  flask: { about: "Flask's own signed sessions", names: ['session'], files: [] },
  // Folder `flask_session` where the app was started, prefix `session:`, 32 random bytes in base64url (43 characters; a UUID before 0.6):
  // https://github.com/pallets-eco/flask-session/blob/development/src/flask_session/defaults.py and base.py. With SESSION_USE_SIGNER
  // a dot and a signature follow. File names are MD5 in hex: https://github.com/pallets-eco/cachelib/blob/main/src/cachelib/file.py.
  'flask-session': {
    about: 'Flask with Flask-Session files, started in /app',
    names: [],
    files: [{ cookie: 'session', id: '^([A-Za-z0-9_-]{32,128})(?:\\.[A-Za-z0-9_-]{20,128})?$', path: "/app/flask_session/{md5('session:' + id)}" }],
  },
  // https://docs.djangoproject.com/en/stable/ref/settings/#session-cookie-name. `csrftoken` stays with the client: scripts read it
  // (https://docs.djangoproject.com/en/stable/howto/csrf/#using-csrf-protection-with-ajax), and it is the same on every replica.
  // `messages` stays too: signed with the key that all replicas share, gone with the next page, and vaulting it would open a session
  // for a visitor who has none (https://docs.djangoproject.com/en/stable/ref/contrib/messages/#storage-backends).
  django: { about: 'Django with signed-cookie sessions', names: ['sessionid'], files: [] },
  // The folder is Python's tempfile.gettempdir() unless SESSION_FILE_PATH says otherwise, the file is the cookie's name and the key:
  // https://github.com/django/django/blob/main/django/contrib/sessions/backends/file.py; 32 of a-z 0-9: backends/base.py.
  'django-file': {
    about: "Django with file sessions, in Python's temporary folder",
    names: [],
    files: [{ cookie: 'sessionid', id: '^[a-z0-9]{32}$', path: '/tmp/sessionid{id}' }],
  },
  // `_APP_session`, APP being the application's own name, hence the pattern:
  // https://github.com/rails/rails/blob/main/railties/lib/rails/application/finisher.rb (setup_default_session_store).
  rails: { about: "Rails' encrypted cookie store", names: ['_*_session'], files: [] },
  // `ID.session`: https://github.com/apache/tomcat/blob/main/java/org/apache/catalina/session/FileStore.java; 16 bytes in upper-case hex and
  // perhaps `.jvmRoute`: java/org/apache/catalina/util/StandardSessionIdGenerator.java. The folder is the context's work folder, here of ROOT in
  // the official Docker image; Debian has /var/lib/tomcat10/work/… instead. Tomcat must save after each request and ask the file before each, which
  // org.apache.catalina.valves.PersistentValve does: https://tomcat.apache.org/tomcat-10.1-doc/config/valve.html#Persistent_Valve.
  'tomcat-file': {
    about: 'Tomcat with PersistentManager, FileStore and PersistentValve',
    names: [],
    files: [{ cookie: 'JSESSIONID', id: '^[0-9A-F]{32}(?:\\.[A-Za-z0-9_-]{1,64})?$', path: '/usr/local/tomcat/work/Catalina/localhost/ROOT/{id}.session' }],
  },
  // `APP_session` and, in newer ones, `APP-session`: https://github.com/laravel/laravel/blob/12.x/config/session.php and
  // https://laravel.com/docs/13.x/upgrade (Cache Prefixes and Session Cookie Names). The cookie driver keeps the data in
  // a cookie named by the session id, 40 letters and digits: https://github.com/laravel/framework/blob/12.x/src/Illuminate/Session/CookieSessionHandler.php
  // and Store.php (isValidId). `remember_web_HASH`: src/Illuminate/Auth/SessionGuard.php (getRecallerName).
  // XSRF-TOKEN stays with the client, whose scripts read it: https://laravel.com/docs/12.x/csrf#csrf-x-xsrf-token.
  'laravel-cookie': { about: "Laravel's cookie driver", names: ['*_session', '*-session', '?'.repeat(40), 'remember_web_*'], files: [] },
} satisfies Record<string, Preset>

export const PRESETS: Readonly<Record<string, Preset>> = PRESETS_BY_NAME

export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS_BY_NAME)
