<?php
// Where this wiki's configuration is, instead of /etc/dokuwiki. DokuWiki takes it from the constant.
if (!defined('DOKU_CONF')) define('DOKU_CONF', getenv('DOKUWIKI_CONF') . '/');
