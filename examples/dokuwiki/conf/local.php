<?php
// Goes over Debian's defaults: copy /etc/dokuwiki/*, then this folder, to a folder of your own and name it DOKUWIKI_CONF.
$conf['title'] = 'Two replicas';
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
// Pages, on a volume that all replicas share. Sessions are not in it.
$conf['savedir'] = getenv('DOKUWIKI_DATA');
// With it, the name of a cookie depends on the port that the replica listens on.
$conf['securecookie'] = 0;
// The pages that a visitor has seen: DokuWiki keeps them in the session.
$conf['breadcrumbs'] = 100;
