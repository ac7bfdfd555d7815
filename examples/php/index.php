<?php
// A basket in PHP's own session, with a new session id at login. Knows nothing of unstick.
//
//   SESSION_FOLDER=./sessions php -S 127.0.0.1:8081 index.php

ini_set('session.save_path', getenv('SESSION_FOLDER'));
ini_set('session.use_strict_mode', '1');

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path === '/health') {
    echo 'ok';
    return;
}

session_start();
switch ($_SERVER['REQUEST_METHOD'] . ' ' . $path) {
    case 'POST /login':
        // Whoever knew the id from before the login must not know it after.
        session_regenerate_id(true);
        $_SESSION['user'] = $_POST['user'];
        break;
    case 'POST /basket':
        $_SESSION['items'][] = $_POST['item'];
        break;
    case 'POST /logout':
        $_SESSION = [];
        setcookie(session_name(), '', ['expires' => 1, 'path' => '/']);
        session_destroy();
        break;
}

header('Content-Type: application/json');
echo json_encode(['user' => $_SESSION['user'] ?? null, 'items' => $_SESSION['items'] ?? []]);
